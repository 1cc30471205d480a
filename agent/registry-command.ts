/** `catalyst-agent registry`: the node's logins at image registries. Passwords come by standard input alone. */
import { text } from "node:stream/consumers";
import { ConfigError } from "./config.ts";
import { loginFile, readLogins, registryHost, writeLogin } from "./runtime/nerdctl/registries.ts";

export interface RegistryRequest {
  dataDir: string;
  /** `login HOST`, `logout HOST` or `list`. */
  words: string[];
  username: string | undefined;
  insecure: boolean;
}

const USAGE = "See catalyst-agent --help.";

function requireHost(host: string | undefined): string {
  if (!host || !/^[a-z0-9.-]+(:\d+)?$/.test(registryHost(host))) throw new ConfigError(`Name a registry. ${USAGE}`);
  return registryHost(host);
}

/** @returns what to tell the operator. @throws ConfigError */
export async function registryCommand(request: RegistryRequest, input: NodeJS.ReadableStream): Promise<string> {
  const { dataDir, words, username, insecure } = request;
  const [verb, name, ...rest] = words;
  const file = loginFile(dataDir);
  if (rest.length > 0) throw new ConfigError(`Too many words. ${USAGE}`);
  switch (verb) {
    case "login": {
      const host = requireHost(name);
      if (!username) throw new ConfigError("registry login needs --username; the password comes by standard input.");
      const password = (await text(input)).replace(/\r?\n$/, "");
      if (password === "") throw new ConfigError("There was no password on standard input.");
      await writeLogin(file, host, { username, password, insecure });
      return `This node pulls images from ${host} as ${username} from now on.\n`;
    }
    case "logout": {
      const host = requireHost(name);
      await writeLogin(file, host, null);
      return `This node has no login at ${host} any more.\n`;
    }
    case "list": {
      const logins = Object.entries(await readLogins(file));
      return logins
        .map(([host, login]) => `${host}  ${login.username}${login.insecure ? "  (insecure)" : ""}\n`)
        .join("");
    }
    default:
      throw new ConfigError(`registry needs login, logout or list. ${USAGE}`);
  }
}
