import { describe, expect, it } from "vitest";
import { OptionError, readOptions } from "./options.ts";

describe("readOptions", () => {
  it("has a default for everything", () => {
    expect(readOptions([], {})).toEqual({
      host: "127.0.0.1",
      port: 3000,
      dataDir: `${process.cwd()}/.catalyst`,
      runtime: "auto",
      adminEmail: "admin@catalyst.local",
      adminPassword: null,
      registration: "closed",
      nodeCount: 1,
      stopServers: false,
      json: false,
      clientIpHeader: "",
      publicUrl: null,
    });
  });

  it("reads every option from the environment, and lets the flag win", () => {
    const environment = {
      CATALYST_HOST: "0.0.0.0",
      CATALYST_PORT: "0",
      CATALYST_DATA: "/srv/catalyst",
      CATALYST_RUNTIME: "nerdctl",
      CATALYST_ADMIN_EMAIL: "Boss@Example.com",
      CATALYST_ADMIN_PASSWORD: "long enough it is",
      CATALYST_REGISTRATION: "open",
      CATALYST_NODES: "3",
      CATALYST_STOP_SERVERS: "1",
      CATALYST_JSON: "false",
      CATALYST_CLIENT_IP_HEADER: "X-Real-IP",
      CATALYST_PUBLIC_URL: "https://panel.example.com/",
    };
    expect(readOptions(["--nodes", "2", "--json"], environment)).toEqual({
      host: "0.0.0.0",
      port: 0,
      dataDir: "/srv/catalyst",
      runtime: "nerdctl",
      adminEmail: "boss@example.com",
      adminPassword: "long enough it is",
      registration: "open",
      nodeCount: 2,
      stopServers: true,
      json: true,
      clientIpHeader: "x-real-ip",
      publicUrl: "https://panel.example.com",
    });
  });

  it.each([
    [["--port", "65536"], "--port"],
    [["--port", "http"], "--port"],
    [["--port", "-1"], "port"],
    [["--nodes", "1.5"], "--nodes"],
    [["--runtime", "docker"], "--runtime"],
    [["--registration", "maybe"], "--registration"],
    [["--admin-email", "nobody"], "--admin-email"],
    [["--admin-password", "short"], "--admin-password"],
    [["--host", "a b"], "--host"],
    [["--public-url", "panel.example.com"], "--public-url"],
    [["--client-ip-header", "x: y"], "--client-ip-header"],
    [["--no-such"], "--no-such"],
    [["stray"], "stray"],
  ])("refuses %j in one sentence that names it", (args, name) => {
    const read = () => readOptions(args, {});
    expect(read).toThrow(OptionError);
    expect(read).toThrow(name);
    expect(read).not.toThrow("\n");
  });

  it("never repeats a password it refuses", () => {
    expect(() => readOptions(["--admin-password", "s3cret"], {})).not.toThrow("s3cret");
  });

  it("answers --help with nothing to start", () => {
    expect(readOptions(["--help"], {})).toBeNull();
  });
});
