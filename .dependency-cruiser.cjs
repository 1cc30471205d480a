/** The import rules of the rooms (see CONTRIBUTING.md). A room may import itself and what its rule names. */
const rooms = [
  "protocol",
  "worker",
  "durable-objects",
  "agent",
  "web",
  "drizzle",
  "templates",
  "local",
  "tests",
  "bench",
];

const mayImport = {
  protocol: [],
  drizzle: ["protocol"],
  // The Worker's entry exports the Durable Object classes; nothing else of theirs is visible to it.
  worker: ["protocol", "drizzle"],
  "durable-objects": ["protocol", "drizzle", "worker"],
  agent: ["protocol"],
  web: ["protocol"],
};

const notItsRooms = (room, allowed) => ({
  name: `${room}-imports`,
  comment: `${room}/ may import only ${[room, ...allowed].join(", ")} of the rooms.`,
  severity: "error",
  from: { path: `^${room}/`, pathNot: ["\\.test\\.tsx?$", "^worker/index\\.ts$", "/testing/"] },
  to: { path: `^(${rooms.filter((other) => other !== room && !allowed.includes(other)).join("|")})/` },
});

module.exports = {
  forbidden: [
    ...Object.entries(mayImport).map(([room, allowed]) => notItsRooms(room, allowed)),
    {
      name: "protocol-packages",
      comment: "protocol/ has no input or output and depends on zod alone.",
      severity: "error",
      from: { path: "^protocol/", pathNot: "\\.test\\.ts$" },
      to: { dependencyTypes: ["npm", "npm-dev", "core"], pathNot: "^node_modules/zod/" },
    },
    {
      name: "database-only-in-outbox",
      comment: "In durable-objects/ only the outbox speaks with Postgres.",
      severity: "error",
      from: { path: "^durable-objects/", pathNot: ["/outbox", "\\.test\\.ts$", "/testing/"] },
      to: { path: "^(drizzle/|node_modules/(drizzle-orm|@neondatabase)/)" },
    },
    {
      name: "durable-objects-see-only-env",
      comment: "Durable Objects share the Worker's bindings, not its code.",
      severity: "error",
      from: { path: "^durable-objects/", pathNot: ["\\.test\\.ts$", "/testing/"] },
      to: { path: "^worker/", pathNot: "^worker/(env|db/[^/]+)\\.ts$" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "not-to-tests",
      severity: "error",
      from: { pathNot: ["\\.test\\.tsx?$", "^tests/", "/testing/"] },
      to: { path: "\\.test\\.tsx?$" },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^(cloudflare:|mineflayer$)" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|\\.catalyst|tests/minecraft/node_modules)" },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["workerd", "import", "require", "node", "default", "types"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".json"],
    },
  },
};
