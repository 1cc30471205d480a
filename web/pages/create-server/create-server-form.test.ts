import { describe, expect, test } from "vitest";
import type { Node } from "../../../protocol/api/nodes.ts";
import { createServerBodySchema } from "../../../protocol/api/servers.ts";
import { templateSchema } from "../../../protocol/template.ts";
import {
  choices,
  EMPTY_FORM,
  errorsFromDetails,
  formErrors,
  headroomMb,
  inOrderOfOffer,
  toBody,
  variableError,
  withTemplate,
} from "./create-server-form.ts";

const template = templateSchema.parse({
  id: "paper",
  name: "Paper",
  image: "eclipse-temurin:21",
  startup: "java",
  allocatedMemoryMb: 2048,
  allocatedCpuCores: 2,
  variables: [
    { name: "EULA", default: "false", required: true, input: "checkbox", rules: ["in:true,false"] },
    { name: "SLOTS", default: "20", input: "number", rules: ["integer", "between:1,100"] },
    { name: "FIXED", default: "x", userEditable: false },
  ],
});
const node = { name: "alpha", freeMemoryMb: 3072 } as Node;
const filled = { ...withTemplate(EMPTY_FORM, template), name: " My server ", nodeId: "node-1" };

describe("the create-server form", () => {
  test("a chosen template fills in sizes, image and variables, and the result is what the API takes", () => {
    expect(formErrors(filled, template, node)).toEqual({});
    const body = toBody(filled, template, false);
    expect(createServerBodySchema.parse(body)).toMatchObject({
      name: "My server",
      allocatedMemoryMb: 2048,
      image: "eclipse-temurin:21",
      environment: { EULA: "false", SLOTS: "20" },
    });
    expect(body.environment).not.toHaveProperty("FIXED");
    expect(body).not.toHaveProperty("primaryPort");
  });

  test("an administrator's request carries the variables that others may not edit", () => {
    expect(toBody(filled, template, true).environment).toHaveProperty("FIXED", "x");
  });

  test("every mistake is named at its field", () => {
    const wrong = {
      ...filled,
      name: "  ",
      memoryMb: "3073",
      cpuCores: "0",
      port: "70000",
      environment: { EULA: "", SLOTS: "200", FIXED: "x" },
    };
    expect(formErrors(wrong, template, node)).toEqual({
      name: "is required",
      memoryMb: "is more than alpha has left (3072 MiB)",
      cpuCores: "must be from 0.05 to 512",
      port: "must be at most 65535",
      "environment.EULA": "is required",
      "environment.SLOTS": expect.stringContaining("100"),
    });
  });

  test("nothing chosen yet asks for a game and a node", () => {
    expect(formErrors(EMPTY_FORM, null, null)).toMatchObject({ templateId: "Choose a game", nodeId: "Choose a node" });
  });

  test("head-room of the game's runtime is counted, and said where it does not fit", () => {
    const java = { ...template, memoryHeadroomPercent: 50 };
    expect(headroomMb(filled, java)).toBe(1024);
    expect(formErrors(filled, java, node)).toEqual({});
    expect(formErrors(filled, java, { ...node, freeMemoryMb: 3071 })).toEqual({
      memoryMb: "with 1024 MiB of head-room is more than alpha has left (3071 MiB)",
    });
    expect(headroomMb({ ...filled, memoryMb: "" }, java)).toBe(0);
    expect(headroomMb({ ...filled, memoryMb: "2 GB" }, java)).toBe(0);
  });

  test("an address of a pool is asked for with its pool alone, and only when one was typed", () => {
    const pooled = { ...filled, networkMode: "pool" as const, poolId: "pool-1" };
    expect(toBody(pooled, template, false)).toMatchObject({ networkMode: "pool", poolId: "pool-1" });
    expect(toBody(pooled, template, false)).not.toHaveProperty("poolIp");
    expect(toBody({ ...pooled, poolIp: "10.50.0.9" }, template, false)).toMatchObject({ poolIp: "10.50.0.9" });
    expect(toBody({ ...filled, poolIp: "10.50.0.9" }, template, false)).not.toHaveProperty("poolIp");
  });

  test("an in: rule becomes a list of choices", () => {
    expect(choices(template.variables[0]!)).toEqual(["true", "false"]);
    expect(choices(template.variables[1]!)).toBeNull();
    expect(variableError(template.variables[1]!, "x")).toBe("must be a whole number");
  });

  test("details of a refusal land at the field they speak of", () => {
    expect(
      errorsFromDetails([
        { path: "primaryPort", message: "is taken" },
        { path: "environment.EULA", message: "must be true" },
        { path: "poolIp", message: "is taken" },
        { path: "ownerId", message: "no such user" },
      ]),
    ).toEqual({
      port: "is taken",
      poolIp: "is taken",
      "environment.EULA": "must be true",
      "": "ownerId: no such user",
    });
  });
});

test("recommended templates are offered first, the others keep their order", () => {
  const offered = inOrderOfOffer([
    { id: "a", features: {} },
    { id: "b", features: { recommended: true } },
    { id: "c", features: { recommended: "yes" } },
  ]);
  expect(offered.map(({ id }) => id)).toEqual(["b", "a", "c"]);
});
