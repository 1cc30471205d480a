import { scryptSync } from "node:crypto";
import bcrypt from "bcryptjs";
import { describe, expect, it } from "vitest";
import { hashPassword, verifyPassword } from "./password.ts";

describe("a password hash", () => {
  it("matches its own password and no other, with a salt of its own", async () => {
    const [one, two] = [await hashPassword("pässword one"), await hashPassword("pässword one")];
    expect(one).not.toBe(two);
    expect(one).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await verifyPassword("pässword one", one)).toEqual({ matches: true, isOutdated: false });
    expect(await verifyPassword("password two", one)).toEqual({ matches: false, isOutdated: false });
  });

  it("does not depend on how an accent was typed", async () => {
    expect((await verifyPassword("pa\u0308ssword", await hashPassword("p\u00e4ssword"))).matches).toBe(true);
  });

  it("of weaker parameters is verified by its own and called outdated", async () => {
    const salt = Buffer.from("0123456789abcdef");
    const hash = scryptSync("secret", salt, 32, { N: 2 ** 12, r: 8, p: 1 });
    const stored = `$scrypt$ln=12,r=8,p=1$${salt.toString("base64").replace(/=+$/, "")}$${hash.toString("base64").replace(/=+$/, "")}`;
    expect(await verifyPassword("secret", stored)).toEqual({ matches: true, isOutdated: true });
  });

  it.each(["$2a$", "$2b$", "$2y$"])("of bcrypt %s verifies and is called outdated", async (kind) => {
    const stored = bcrypt.hashSync("secret", 5).replace("$2b$", kind);
    expect(await verifyPassword("secret", stored)).toEqual({ matches: true, isOutdated: true });
    expect((await verifyPassword("wrong", stored)).matches).toBe(false);
  });

  it.each([
    "",
    "!",
    "plain",
    "$scrypt$ln=30,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "$scrypt$ln=14,r=0,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    `$2b$31$${"x".repeat(53)}`,
  ])("that cannot be read, or would cost too much, matches nothing: %s", async (stored) => {
    expect(await verifyPassword("", stored)).toEqual({ matches: false, isOutdated: false });
  });
});
