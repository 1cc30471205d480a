import { describe, expect, it } from "vitest";
import { connectAddress } from "./to-server.ts";

const NODE = { bindAddress: "10.0.0.5", publicAddress: "play.example.com" };
const at = (primaryIp: string | null, primaryAlias: string | null = null, macvlanAddress: string | null = null) =>
  connectAddress({ primaryIp, primaryPort: primaryIp === null ? null : 25565, primaryAlias, macvlanAddress }, NODE);

describe("where players connect", () => {
  it("is nowhere without a port", () => expect(at(null)).toBeNull());
  it.each(["0.0.0.0", "::", "10.0.0.5"])("is the node's public address when the port binds to %s", (ip) =>
    expect(at(ip)).toBe("play.example.com:25565"),
  );
  it("is the port's own address when that is another", () => expect(at("192.0.2.7")).toBe("192.0.2.7:25565"));
  it("is the port's alias before all", () => expect(at("192.0.2.7", "mc.example.net")).toBe("mc.example.net:25565"));
  it("is the server's own address where it has one", () =>
    expect(at("192.0.2.7", "mc.example.net", "10.9.0.3")).toBe("10.9.0.3:25565"));
  it("is not an empty alias", () => expect(at("192.0.2.7", "")).toBe("192.0.2.7:25565"));
  it("has an IPv6 address in brackets", () => expect(at("2001:db8::7")).toBe("[2001:db8::7]:25565"));
});
