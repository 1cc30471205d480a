/** Server permissions as people read them: in groups, with words, and ready-made sets. Pure. */
import { SERVER_PERMISSIONS, type ServerPermission } from "../../../../protocol/permissions.ts";

export interface PermissionGroup {
  name: string;
  permissions: readonly [ServerPermission, string][];
}

/** Without it one would not even find the server, so every grant has it. */
export const ALWAYS: ServerPermission = "server.read";

export const PERMISSION_GROUPS: readonly PermissionGroup[] = [
  {
    name: "Power",
    permissions: [
      ["server.start", "Start"],
      ["server.stop", "Stop"],
      ["server.restart", "Restart"],
      ["server.kill", "Kill"],
    ],
  },
  {
    name: "Console",
    permissions: [
      ["console.read", "Read the console"],
      ["console.write", "Type commands"],
    ],
  },
  {
    name: "Files",
    permissions: [
      ["file.read", "See names and sizes"],
      ["file.read_content", "Read and download"],
      ["file.write", "Write and upload"],
      ["file.delete", "Delete"],
      ["file.archive", "Pack and unpack archives"],
      ["file.sftp", "Connect by SFTP"],
    ],
  },
  {
    name: "Backups",
    permissions: [
      ["backup.read", "See backups"],
      ["backup.create", "Make backups"],
      ["backup.restore", "Restore backups"],
      ["backup.delete", "Delete backups"],
      ["backup.download", "Download backups"],
    ],
  },
  {
    name: "Databases",
    permissions: [
      ["database.read", "See databases"],
      ["database.create", "Make databases"],
      ["database.rotate", "Change passwords"],
      ["database.delete", "Delete databases"],
      ["database.view_password", "See passwords"],
    ],
  },
  {
    name: "Network",
    permissions: [
      ["allocation.read", "See addresses"],
      ["allocation.create", "Add ports"],
      ["allocation.update", "Change ports"],
      ["allocation.delete", "Remove ports"],
    ],
  },
  {
    name: "Settings",
    permissions: [
      ["server.rename", "Rename"],
      ["startup.read", "See startup and variables"],
      ["startup.update", "Change startup and variables"],
      ["startup.image", "Choose the image"],
      ["server.schedule", "Change schedules"],
      ["server.reinstall", "Reinstall"],
    ],
  },
  {
    name: "People and history",
    permissions: [
      ["activity.read", "See the activity log"],
      ["access.read", "See who has access"],
      ["access.create", "Give access"],
      ["access.update", "Change access"],
      ["access.delete", "Take access away"],
      ["alert.read", "See alerts"],
      ["alert.update", "Change alerts"],
    ],
  },
];

export interface Preset {
  name: string;
  description: string;
  permissions: readonly ServerPermission[];
}

// Variables may hold passwords, so looking on does not include them.
const VIEWER: readonly ServerPermission[] = [
  ALWAYS,
  "console.read",
  "file.read",
  "backup.read",
  "allocation.read",
  "activity.read",
  "alert.read",
];
const OPERATOR: readonly ServerPermission[] = [
  ...VIEWER,
  "server.start",
  "server.stop",
  "server.restart",
  "server.kill",
  "server.schedule",
  "console.write",
  "file.read_content",
  "file.write",
  "file.delete",
  "file.archive",
  "backup.create",
  "startup.read",
];

export const PRESETS: readonly Preset[] = [
  { name: "Viewer", description: "Looks on: console, activity, what is there. Changes nothing.", permissions: VIEWER },
  { name: "Operator", description: "Runs it day by day: power, console, files, backups.", permissions: OPERATOR },
  { name: "All", description: "Everything but deleting the server.", permissions: SERVER_PERMISSIONS },
];

/** The preset that is exactly this set, or null. */
export function presetOf(permissions: readonly string[]): Preset | null {
  const held = new Set(permissions);
  const isIt = (preset: Preset) =>
    preset.permissions.length === held.size && preset.permissions.every((permission) => held.has(permission));
  return PRESETS.find(isIt) ?? null;
}

/** What a grant amounts to, in a few words. */
export function grantWords(permissions: readonly string[]): string {
  const preset = presetOf(permissions);
  if (preset) return preset.name;
  return permissions.length === 1 ? "1 permission" : `${permissions.length} permissions`;
}
