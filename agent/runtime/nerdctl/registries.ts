/**
 * The node's logins at image registries. They are in a file of root's that the agent's `registry` command writes, and
 * go to nerdctl in a folder that is there only while it pulls: never to the control plane, into arguments, variables or
 * logs.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../records/atomic-file.ts";
import { RuntimeError } from "../container-runtime.ts";

const loginSchema = z.strictObject({
  username: z.string().min(1),
  password: z.string().min(1),
  /** Over HTTP, or with a certificate that nobody vouches for. */
  insecure: z.boolean().default(false),
});
export type RegistryLogin = z.infer<typeof loginSchema>;
const fileSchema = z.record(z.string(), loginSchema);

export const loginFile = (dataDir: string): string => join(dataDir, "registries.json");

const DOCKER_HUB = "docker.io";
/** The name that Docker's own configuration has for it. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** A host with an optional port, in lower case; every name of Docker Hub is one. */
export function registryHost(text: string): string {
  const host = text
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "");
  return /^((index|registry-1)\.)?docker\.io$/.test(host) ? DOCKER_HUB : host;
}

/** Where an image comes from: its first part when that can be a host, else Docker Hub. */
export function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost ? registryHost(first) : DOCKER_HUB;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** @throws Error when the file lies open or is damaged; its message has no content of the file. */
export async function readLogins(file: string): Promise<Record<string, RegistryLogin>> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) throw new Error(`${file} holds passwords and others can read it. Run: chmod 600 ${file}`);
    text = await readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return {};
    throw error;
  }
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${file} is not what the agent wrote. Log in to the registries again after removing it.`);
  }
}

export async function writeLogin(file: string, host: string, login: RegistryLogin | null): Promise<void> {
  const { [registryHost(host)]: _, ...others } = await readLogins(file);
  const logins = login ? { ...others, [registryHost(host)]: loginSchema.parse(login) } : others;
  await writeFileAtomic(file, `${JSON.stringify(logins, null, 2)}\n`, 0o600);
}

/** What one pull needs of the logins. */
export interface PullLogin {
  /** Variables for nerdctl: the path of its configuration, no secret. */
  environment: Record<string, string>;
  globalArguments: string[];
  /** Takes every secret out of a text that is going to a log. */
  redact(text: string): string;
}

const NONE: PullLogin = { environment: {}, globalArguments: [], redact: (text) => text };

/**
 * Lends the login for one image's registry while `pull` runs, and that one alone.
 *
 * @param folder the runtime's own, only root's.
 */
export async function withLogin<T>(
  image: string,
  { file, folder }: { file: string; folder: string },
  pull: (login: PullLogin) => Promise<T>,
): Promise<T> {
  const host = registryOf(image);
  let login: RegistryLogin | undefined;
  try {
    ({ [host]: login } = await readLogins(file));
  } catch (error) {
    throw new RuntimeError("The node's registry logins cannot be read; the node's log says why.", { cause: error });
  }
  const own = join(folder, randomUUID());
  await mkdir(own, { recursive: true, mode: 0o700 });
  try {
    // An empty configuration too: root's own logins are not the servers'.
    const auth = login && Buffer.from(`${login.username}:${login.password}`).toString("base64");
    const auths = auth ? { [host === DOCKER_HUB ? DOCKER_HUB_KEY : host]: { auth } } : {};
    await writeFileAtomic(join(own, "config.json"), JSON.stringify({ auths }), 0o600);
    if (!login || !auth) return await pull({ ...NONE, environment: { DOCKER_CONFIG: own } });
    const secrets = [login.password, auth, encodeURIComponent(login.password)];
    return await pull({
      environment: { DOCKER_CONFIG: own },
      globalArguments: login.insecure ? ["--insecure-registry"] : [],
      redact: (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text),
    });
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}
