import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type Template, templateSchema } from "../protocol/template.ts";
import { ruleViolation } from "../protocol/template-rules.ts";

const folder = import.meta.dirname;
const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
const read = (file: string): Template => templateSchema.parse(JSON.parse(readFileSync(`${folder}/${file}`, "utf8")));

it("ships the three templates that the guide names", () => {
  expect(files.sort()).toEqual(["echo.json", "minecraft-flying-squid.json", "minecraft-paper.json"]);
});

it.each(files)("%s is a valid template named by its id", (file) => {
  expect(`${read(file).id}.json`).toBe(file);
});

it.each(files)("%s offers the image that it starts with", (file) => {
  const { image, defaultImage, images } = read(file);
  if (images.length > 0) expect(images.map((entry) => entry.image)).toContain(defaultImage ?? image);
});

it.each(files)("%s has defaults that pass their own rules, but for what the owner must accept", (file) => {
  const broken = read(file).variables.filter((variable) => ruleViolation(variable.default, variable.rules) !== null);
  expect(broken.map((variable) => variable.name)).toEqual(file === "minecraft-paper.json" ? ["EULA"] : []);
});

it.each(files)("%s has scripts that a POSIX shell can parse", (file) => {
  const { installScript, startup } = read(file);
  for (const script of [installScript, startup]) {
    const parsed = spawnSync("sh", ["-n", "-c", script], { encoding: "utf8" });
    expect(parsed.stderr).toBe("");
    expect(parsed.status).toBe(0);
  }
});
