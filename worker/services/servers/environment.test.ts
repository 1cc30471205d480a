import { describe, expect, it } from "vitest";
import { templateSchema } from "../../../protocol/template.ts";
import { settleEnvironment, settleImage, visibleEnvironment } from "./environment.ts";

const template = templateSchema.parse({
  id: "t",
  name: "t",
  image: "one",
  defaultImage: "two",
  images: [{ name: "three", image: "three" }],
  startup: "s",
  variables: [
    { name: "COUNT", default: "1", required: true, rules: ["integer", "between:1,9"] },
    { name: "NOTE", rules: ["max:5"] },
    { name: "FIXED", default: "f", userEditable: false, userViewable: false },
  ],
});
const settle = (given: Record<string, string>, current: Record<string, string> = {}, mayEditAll = false) =>
  settleEnvironment(template, { given, current, mayEditAll });
const wrong = (given: Record<string, string>) => {
  try {
    return settle(given);
  } catch (error) {
    return (error as { details: { path: string }[] }).details.map(({ path }) => path);
  }
};

describe("an environment", () => {
  it("is what was given over what it had over the defaults", () => {
    expect(settle({ NOTE: "hi" }, { COUNT: "3" })).toEqual({ COUNT: "3", NOTE: "hi", FIXED: "f" });
  });

  it("names every variable that is wrong at once", () => {
    expect(wrong({ COUNT: "x", NOTE: "too long", OTHER: "1", HOME: "/" })).toEqual([
      "environment.OTHER",
      "environment.HOME",
      "environment.COUNT",
      "environment.NOTE",
    ]);
  });

  it.each([{ COUNT: "" }, { COUNT: "10" }, { NOTE: "a\0b" }, { FIXED: "g" }])("refuses %j", (given) => {
    expect(wrong(given)).toEqual([`environment.${Object.keys(given)[0]}`]);
  });

  it("may repeat a fixed value, and administrators may change it", () => {
    expect(settle({ FIXED: "f" }).FIXED).toBe("f");
    expect(settle({ FIXED: "g" }, {}, true).FIXED).toBe("g");
    // An owner's next change does not trip over what an administrator set.
    expect(settle({ NOTE: "x" }, { FIXED: "g" }).FIXED).toBe("g");
  });

  it("is shown without what is hidden", () => {
    const environment = settle({});
    expect(visibleEnvironment(template, environment, false)).toEqual({ COUNT: "1", NOTE: "" });
    expect(visibleEnvironment(template, environment, true)).toEqual(environment);
  });
});

describe("an image", () => {
  it("is the default unless one of the template's is named", () => {
    expect(settleImage(template, undefined)).toBe("two");
    for (const image of ["one", "two", "three"]) expect(settleImage(template, image)).toBe(image);
    expect(() => settleImage(template, "four")).toThrow("not among");
  });
});
