/** A panel with three people who use it at random while its parts are killed, and the checks of what came of it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { parse, stringify, type TomlTable } from "smol-toml";
import { randomFrom } from "../../../agent/testing/random-actions.ts";
import { CuttableLink } from "../../world/cuttable-link.ts";
import { member } from "../../world/member.ts";
import { PASSWORD, Panel } from "../../world/panel.ts";
import { templateCopy } from "../../world/template-copy.ts";
import { Actor } from "./actor.ts";
import { recordEvents } from "./event-history.ts";
import { KnownServers } from "./known-servers.ts";
import { Ledger } from "./ledger.ts";
import { faults } from "./panel-faults.ts";
import { RandomUser } from "./random-user.ts";
import type { Person, Place } from "./wish.ts";

const PAUSE_MAX_MS = 220;
const TEMPLATE = "random-echo";

export class RandomPanel {
  readonly panel: Panel;
  readonly database: pg.Client;
  readonly link: CuttableLink;
  readonly place: Place;
  readonly people: Person[];
  readonly #seed: number;

  private constructor(
    fields: Pick<RandomPanel, "panel" | "database" | "link" | "place" | "people"> & { seed: number },
  ) {
    this.panel = fields.panel;
    this.database = fields.database;
    this.link = fields.link;
    this.place = fields.place;
    this.people = fields.people;
    this.#seed = fields.seed;
  }

  static async open(seed: number): Promise<RandomPanel> {
    const panel = await Panel.start();
    const database = new pg.Client({ connectionString: panel.ready.databaseUrl });
    await database.connect();
    await recordEvents(database);
    await templateCopy(panel, "echo", TEMPLATE, {
      installScript: "echo installing; echo installed > installed.txt",
      stopTimeoutSeconds: 2,
      variables: [{ name: "GREETING", default: "hello", userViewable: true, userEditable: true }],
    });
    const admin = await panel.must<{ id: string }>("GET", "/api/auth/me");
    const ada = await member(panel, "ada");
    const ben = await member(panel, "ben");
    const people: Person[] = [
      { name: "ada", id: ada.id, token: ada.token, isAdmin: false },
      { name: "ben", id: ben.id, token: ben.token, isAdmin: false },
      { name: "admin", id: admin.id, token: panel.token, isAdmin: true },
    ];
    const { link, nodeSecret } = await divertAgent(panel);
    const { jwtKeys } = JSON.parse(readFileSync(join(panel.ready.dataDir, "secrets.json"), "utf8"));
    const secrets = new Map<string, string>([
      ["the node's secret", nodeSecret],
      ["the key of sessions", jwtKeys[0].secret],
      ["the database's password", new URL(panel.ready.databaseUrl).password],
      ["a password", PASSWORD],
      ...people.map(({ name, token }) => [`the token of ${name}`, token] as const),
      ...[ada, ben].map(({ email, password }) => [`the password of ${email}`, password] as const),
    ]);
    const place: Place = {
      url: panel.url,
      nodeId: panel.nodeId,
      ledger: new Ledger(),
      servers: new KnownServers(),
      secrets,
    };
    return new RandomPanel({ panel, database, link, place, people, seed });
  }

  get serversFolder(): string {
    return join(this.panel.ready.dataDir, "nodes", this.panel.nodeId, "data", "servers");
  }

  /** Resolves when so many actions are done and the faults among them are made; the last ones may still be felt. */
  async run(actions: number): Promise<void> {
    const { ledger } = this.place;
    let begun = 0;
    const isOver = () => begun >= actions || ledger.violations.length > 0;
    const use = async (person: Person, number: number) => {
      const random = randomFrom(this.#seed + number + 1);
      const others = this.people.filter((other) => other !== person && !other.isAdmin).map(({ id }) => id);
      const user = new RandomUser(new Actor(this.place, person), random, others, TEMPLATE);
      while (!isOver()) {
        begun++;
        await user.act();
        await delay(random() * PAUSE_MAX_MS);
      }
    };
    const goWrong = async () => {
      const all = faults(this.panel, this.link, this.serversFolder, randomFrom(this.#seed));
      for (const [at, [name, make]] of all.entries()) {
        while (begun < ((at + 1) * actions) / (all.length + 1) && !isOver()) await delay(20);
        if (isOver()) return;
        ledger.fault(name);
        await make();
      }
    };
    await Promise.all([goWrong(), ...this.people.map(use)]);
  }

  async close(): Promise<void> {
    await this.database.end();
    await this.panel.stop();
    await this.link.close();
  }
}

/** Has the agent reach its panel by a link that can be cut. */
async function divertAgent(panel: Panel): Promise<{ link: CuttableLink; nodeSecret: string }> {
  const link = await CuttableLink.to(Number(new URL(panel.url).port));
  const file = join(panel.ready.dataDir, "nodes", panel.nodeId, "config.toml");
  const config = parse(readFileSync(file, "utf8")) as Record<string, TomlTable>;
  writeFileSync(file, stringify({ ...config, panel: { ...config.panel, url: `http://127.0.0.1:${link.port}` } }));
  await panel.killAgent();
  await panel.waitForNode();
  return { link, nodeSecret: String(config.panel!.secret) };
}
