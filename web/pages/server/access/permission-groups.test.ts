import { expect, test } from "vitest";
import { SERVER_PERMISSIONS } from "../../../../protocol/permissions.ts";
import { ALWAYS, grantWords, PERMISSION_GROUPS, PRESETS, presetOf } from "./permission-groups.ts";

test("every server permission can be chosen, once", () => {
  const offered = PERMISSION_GROUPS.flatMap((group) => group.permissions.map(([permission]) => permission));
  expect([ALWAYS, ...offered].sort()).toEqual([...SERVER_PERMISSIONS].sort());
});

test("each preset is found again in the permissions it gives, and lets one see the server", () => {
  for (const preset of PRESETS) {
    expect(presetOf([...preset.permissions].reverse())).toBe(preset);
    expect(preset.permissions).toContain(ALWAYS);
    expect(new Set(preset.permissions).size).toBe(preset.permissions.length);
  }
  expect(presetOf(["server.read"])).toBeNull();
  expect(presetOf([])).toBeNull();
});

test("who only looks on changes nothing and reads no variables, which may hold passwords", () => {
  const viewer = PRESETS.find((preset) => preset.name === "Viewer")!;
  expect(viewer.permissions.every((permission) => permission.endsWith(".read"))).toBe(true);
  expect(viewer.permissions).not.toContain("startup.read");
});

test("a grant is told in words", () => {
  expect(grantWords([...SERVER_PERMISSIONS])).toBe("All");
  expect(grantWords(["server.read"])).toBe("1 permission");
  expect(grantWords(["server.read", "server.start"])).toBe("2 permissions");
});
