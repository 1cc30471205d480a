import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { signSession, verifySession } from "./token.ts";

const key = (kid: string, fill: number) => ({ kid, secret: Buffer.alloc(32, fill).toString("base64url") });
const NOW = Date.UTC(2026, 0, 1);
const claims = { sessionId: "s", userId: "u" };
const in1h = new Date(NOW + 3_600_000);
const keys = JSON.stringify([key("a", 1)]);

describe("a session token", () => {
  it("names its session and user until it expires", async () => {
    const token = await signSession(claims, keys, NOW, in1h);
    expect(await verifySession(token, keys, NOW)).toEqual(claims);
    await expect(verifySession(token, keys, NOW + 3_600_001)).rejects.toMatchObject({ code: "AUTH_EXPIRED" });
  });

  it("stands a clock that is set back, and one that comes forward again", async () => {
    const token = await signSession(claims, keys, NOW, in1h);
    expect(await verifySession(token, keys, NOW - 86_400_000)).toEqual(claims);
    expect(await verifySession(token, keys, NOW)).toEqual(claims);
    await expect(verifySession(token, keys, NOW + 86_400_000)).rejects.toMatchObject({ code: "AUTH_EXPIRED" });
    expect(await verifySession(token, keys, NOW + 1)).toEqual(claims);
  });

  it("outlives the rotation of its key, but not the key's removal", async () => {
    const token = await signSession(claims, keys, NOW, in1h);
    expect(await verifySession(token, JSON.stringify([key("b", 2), key("a", 1)]), NOW)).toEqual(claims);
    await expect(verifySession(token, JSON.stringify([key("b", 2)]), NOW)).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
  });

  it.each<[string, () => Promise<string> | string]>([
    ["nothing", () => ""],
    ["no algorithm", () => `${Buffer.from('{"alg":"none","kid":"a"}').toString("base64url")}.e30.`],
    ["another secret under a known kid", () => signSession(claims, JSON.stringify([key("a", 9)]), NOW, in1h)],
    [
      "no expiry",
      () =>
        new SignJWT({ sid: "s", uid: "u" })
          .setProtectedHeader({ alg: "HS256", kid: "a" })
          .setIssuer("catalyst")
          .sign(Buffer.alloc(32, 1)),
    ],
    [
      "another issuer",
      () =>
        new SignJWT({ sid: "s", uid: "u" })
          .setProtectedHeader({ alg: "HS256", kid: "a" })
          .setIssuer("x")
          .setExpirationTime(in1h)
          .sign(Buffer.alloc(32, 1)),
    ],
  ])("with %s is refused", async (_what, make) => {
    await expect(verifySession(await make(), keys, NOW)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("is not made with a key that is too short", async () => {
    const short = JSON.stringify([{ kid: "a", secret: "c2hvcnQ" }]);
    await expect(signSession(claims, short, NOW, in1h)).rejects.toThrow("shorter than 32 bytes");
  });
});
