/** What only root can prepare: mounts, protected files, foreign owners. */
import { execFileSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { handOverDataFolder } from "./hand-over.ts";
import { wipeDataFolder } from "./wipe.ts";

let folder: string;
let data: string;
let mounts: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catalyst-data-"));
  data = join(folder, "data");
  mkdirSync(data);
  mounts = [];
});
afterEach(() => {
  for (const target of mounts.reverse()) execFileSync("umount", ["-l", target]);
  rmSync(folder, { recursive: true, force: true });
});

function mount(...args: string[]): void {
  execFileSync("mount", args);
  mounts.push(args.at(-1)!);
}

const OWNER = { uid: 988, gid: 988 };
const ownerOf = (path: string) => lstatSync(join(data, path)).uid;

describe("a data folder that is a mount", () => {
  beforeEach(() => {
    execFileSync("truncate", ["-s", "16M", join(folder, "image")]);
    execFileSync("mkfs.ext4", ["-q", "-m", "0", join(folder, "image")]);
    mount("-o", "loop,nosuid,nodev", join(folder, "image"), data);
  });

  it("is emptied and stays mounted, with the disk's own folder in it", async () => {
    mkdirSync(join(data, "world/lost+found"), { recursive: true });
    writeFileSync(join(data, "file"), "x");
    await wipeDataFolder(data);
    expect(readdirSync(data)).toEqual(["lost+found"]);
    expect(execFileSync("findmnt", ["-n", "-o", "TARGET", "--target", data], { encoding: "utf8" }).trim()).toBe(data);
  });

  it("is handed over without the disk's own folder", async () => {
    writeFileSync(join(data, "file"), "x");
    await handOverDataFolder(data, OWNER);
    expect([ownerOf("."), ownerOf("file"), ownerOf("lost+found")]).toEqual([988, 988, 0]);
  });

  it("is emptied also when it is full to the last block", async () => {
    execFileSync("sh", ["-c", `cat /dev/zero > '${join(data, "full")}' 2>/dev/null || true`]);
    mkdirSync(join(folder, "x"));
    await wipeDataFolder(data);
    expect(readdirSync(data)).toEqual(["lost+found"]);
  });
});

describe("deleting", () => {
  it("does not enter another mount, also one of the same file system, and says what is left", async () => {
    const outside = join(folder, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "file"), "kept");
    mkdirSync(join(data, "inner"));
    mount("--bind", outside, join(data, "inner"));
    writeFileSync(join(data, "other"), "x");
    await expect(wipeDataFolder(data)).rejects.toThrow("Not all files could be deleted: inner");
    expect(readdirSync(data)).toEqual(["inner"]);
    expect(existsSync(join(outside, "file"))).toBe(true);
  });

  it("names a file that somebody has protected, and deletes the others", async () => {
    const image = join(folder, "image");
    execFileSync("truncate", ["-s", "16M", image]);
    execFileSync("mkfs.ext4", ["-q", image]);
    mount("-o", "loop", image, data);
    mkdirSync(join(data, "world"));
    writeFileSync(join(data, "world", "level.dat"), "x");
    writeFileSync(join(data, "world", "other"), "x");
    execFileSync("chattr", ["+i", join(data, "world", "level.dat")]);
    await expect(wipeDataFolder(data)).rejects.toThrow("Not all files could be deleted: world/level.dat cannot");
    expect(readdirSync(join(data, "world"))).toEqual(["level.dat"]);
    execFileSync("chattr", ["-i", join(data, "world", "level.dat")]);
    await wipeDataFolder(data);
  });
});

describe("handing over", () => {
  it("gives the server everything inside, and nothing that is outside too", async () => {
    const outside = join(folder, "outside");
    writeFileSync(outside, "another's");
    mkdirSync(join(data, "deep/er"), { recursive: true });
    writeFileSync(join(data, "deep/er/file"), "x");
    linkSync(join(data, "deep/er/file"), join(data, "twin"));
    linkSync(outside, join(data, "stolen"));
    symlinkSync(outside, join(data, "link"));
    symlinkSync(folder, join(data, "folder"));
    chownSync(join(data, "deep"), 4711, 4711);
    expect(await handOverDataFolder(data, OWNER)).toBe(1);
    for (const path of ["deep", "deep/er", "deep/er/file", "twin", "link", "folder"]) expect(ownerOf(path)).toBe(988);
    expect(lstatSync(outside).uid).toBe(0);
    expect(lstatSync(folder).uid).toBe(0);
  });

  it("removes device nodes, set-id bits and file capabilities", async () => {
    execFileSync("mknod", [join(data, "disk"), "b", "8", "0"]);
    execFileSync("mknod", [join(data, "tty"), "c", "5", "0"]);
    for (const [name, mode] of [
      ["root", 0o4755],
      ["group", 0o2644],
      ["plain", 0o640],
    ] as const) {
      writeFileSync(join(data, name), "x");
      execFileSync("chmod", [mode.toString(8), join(data, name)]);
    }
    execFileSync("setcap", ["cap_net_admin+ep", join(data, "plain")]);
    await handOverDataFolder(data, OWNER);
    expect(readdirSync(data).sort()).toEqual(["group", "plain", "root"]);
    const mode = (name: string) => (lstatSync(join(data, name)).mode & 0o7777).toString(8);
    expect([mode("root"), mode("group"), mode("plain")]).toEqual(["755", "644", "640"]);
    expect(execFileSync("getcap", [join(data, "plain")], { encoding: "utf8" })).toBe("");
  });

  it("lets others work meanwhile", { timeout: 60_000 }, async () => {
    for (let index = 0; index < 3_000; index++) writeFileSync(join(data, `file-${index}`), "");
    let turnCount = 0;
    const ticking = setInterval(() => turnCount++, 1);
    await handOverDataFolder(data, OWNER);
    clearInterval(ticking);
    expect(turnCount).toBeGreaterThan(2);
    expect(ownerOf("file-2999")).toBe(988);
  });
});
