import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataFolder, DataFolderError } from "./data-folder.ts";
import { identify } from "./process-identity.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "catalyst-data-"));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

describe("DataFolder", () => {
  it("lets one process in at a time, and the next when it has left", () => {
    const first = DataFolder.open(join(parent, "data"));
    expect(() => DataFolder.open(join(parent, "data"))).toThrow(`process ${process.pid}`);
    first.close();
    DataFolder.open(join(parent, "data")).close();
  });

  it.each([
    ["of a process that has ended", JSON.stringify({ pid: 4_194_304, startedAt: "x" })],
    ["whose pid now belongs to another process", JSON.stringify({ ...identify(process.pid), startedAt: "long ago" })],
    ["that is torn", "{"],
    ["that is empty", ""],
  ])("takes over a lock %s", (_, text) => {
    writeFileSync(join(parent, "lock"), text);
    DataFolder.open(parent).close();
  });

  it("does not remove a lock that is no longer its own", () => {
    const folder = DataFolder.open(parent);
    writeFileSync(join(parent, "lock"), "somebody else's");
    folder.close();
    expect(readFileSync(join(parent, "lock"), "utf8")).toBe("somebody else's");
  });

  it("says in one sentence that a path is no folder", () => {
    const file = join(parent, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "below")]) {
      expect(() => DataFolder.open(path)).toThrow(DataFolderError);
      expect(() => DataFolder.open(path)).toThrow("is not a folder");
    }
  });

  it("makes secrets once, for its owner's eyes only", () => {
    const folder = DataFolder.open(parent);
    const secrets = folder.secrets();
    expect(Buffer.from(secrets.jwtKeys[0]!.secret, "base64url")).toHaveLength(32);
    expect(folder.secrets()).toEqual(secrets);
    expect(statSync(folder.join("secrets.json")).mode & 0o777).toBe(0o600);
    folder.close();
  });

  it.each(["", "{", "{}", '{"jwtKeys":[]}', '{"jwtKeys":[{"kid":"a","secret":"short"}]}'])(
    "neither uses nor replaces damaged secrets: %j",
    (text) => {
      const folder = DataFolder.open(parent);
      mkdirSync(parent, { recursive: true });
      writeFileSync(folder.join("secrets.json"), text);
      expect(() => folder.secrets()).toThrow("is damaged");
      expect(readFileSync(folder.join("secrets.json"), "utf8")).toBe(text);
      folder.close();
    },
  );
});
