import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RegistryRequest, registryCommand } from "./registry-command.ts";
import { loginFile, registryHost, registryOf, withLogin, writeLogin } from "./runtime/nerdctl/registries.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(`${tmpdir()}/catalyst-registry-`);
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function run(words: string[], change: Partial<RegistryRequest> = {}, input = "") {
  return registryCommand({ dataDir, words, username: undefined, insecure: false, ...change }, Readable.from([input]));
}

test("a login is kept for root alone, listed without its password, and forgotten", async () => {
  expect(await run(["login", "GHCR.io"], { username: "robot" }, "s3cret\n")).not.toContain("s3cret");
  expect(await run(["login", "10.0.0.1:5000"], { username: "x", insecure: true }, "other")).toContain("10.0.0.1:5000");
  expect(statSync(loginFile(dataDir)).mode & 0o777).toBe(0o600);
  expect(await run(["list"])).toBe("ghcr.io  robot\n10.0.0.1:5000  x  (insecure)\n");
  expect(readFileSync(loginFile(dataDir), "utf8")).toContain("s3cret");
  await run(["logout", "ghcr.io"]);
  expect(await run(["list"])).toBe("10.0.0.1:5000  x  (insecure)\n");
});

test.each<[string[], Partial<RegistryRequest>, string, RegExp]>([
  [["login"], { username: "x" }, "p", /Name a registry/],
  [["login", "bad host"], { username: "x" }, "p", /Name a registry/],
  [["login", "ghcr.io"], {}, "p", /--username/],
  [["login", "ghcr.io"], { username: "x" }, "\n", /no password/],
  [["login", "ghcr.io", "more"], { username: "x" }, "p", /Too many/],
  [["steal"], {}, "", /login, logout or list/],
])("%j with %j is refused", async (words, change, input, message) => {
  await expect(run(words, change, input)).rejects.toThrow(message);
});

test("a file that lies open or is damaged is refused without its content", async () => {
  writeFileSync(loginFile(dataDir), '{"ghcr.io": "s3cret"}', { mode: 0o600 });
  await expect(run(["list"])).rejects.toThrow(/not what the agent wrote/);
  chmodSync(loginFile(dataDir), 0o644);
  const error = await run(["list"]).catch((each: Error) => each.message);
  expect(error).toContain("chmod 600");
  expect(error).not.toContain("s3cret");
});

test.each([
  ["alpine", "docker.io"],
  ["library/alpine:3", "docker.io"],
  ["docker.io/library/alpine", "docker.io"],
  ["index.docker.io/x/y", "docker.io"],
  ["ghcr.io/owner/game@sha256:abc", "ghcr.io"],
  ["localhost/game", "localhost"],
  ["127.0.0.1:5000/a/b:1", "127.0.0.1:5000"],
])("the image %s comes from %s", (image, host) => {
  expect(registryOf(image)).toBe(host);
  expect(registryHost(`https://${host}/v2/`)).toBe(host);
});

test("only the image's own registry's login is lent, and taken back also after a failure", async () => {
  const file = loginFile(dataDir);
  await writeLogin(file, "docker.io", { username: "u", password: "p w", insecure: false });
  await writeLogin(file, "ghcr.io", { username: "other", password: "secret", insecure: true });
  let lent = "";
  const pull = withLogin("library/alpine", { file, folder: `${dataDir}/pulls` }, async (login) => {
    lent = `${login.environment.DOCKER_CONFIG}/config.json`;
    expect(statSync(lent).mode & 0o777).toBe(0o600);
    const auth = Buffer.from("u:p w").toString("base64");
    expect(JSON.parse(readFileSync(lent, "utf8"))).toEqual({ auths: { "https://index.docker.io/v1/": { auth } } });
    expect(login.redact(`a p w b ${auth} p%20w`)).toBe("a [redacted] b [redacted] [redacted]");
    throw new Error("no network");
  });
  await expect(pull).rejects.toThrow("no network");
  expect(() => statSync(lent)).toThrow();
});
