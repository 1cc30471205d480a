import type { OpenAPIHono } from "@hono/zod-openapi";
import { html, raw } from "hono/html";
import type { AppEnv } from "../context.ts";
import { CATALYST_VERSION } from "../version.ts";

const INFO = {
  title: "Catalyst",
  version: CATALYST_VERSION,
  description: "Control plane of the Catalyst game-server panel. Authenticate with `Authorization: Bearer …`.",
};

type Document = ReturnType<OpenAPIHono<AppEnv>["getOpenAPI31Document"]>;

interface Operation {
  summary?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema?: unknown }[];
  requestBody?: { content?: Record<string, { schema?: unknown }> };
  responses?: Record<string, { content?: Record<string, { schema?: unknown }> }>;
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;text-transform:capitalize}
details{border:1px solid var(--line);border-radius:8px;margin:.4rem 0}
summary{cursor:pointer;padding:.5rem .8rem;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
summary b{min-width:4.2rem;font:600 12px ui-monospace,monospace;text-transform:uppercase}
summary code{font-weight:600}summary span{opacity:.75}
details>div{padding:0 .8rem .8rem}pre{background:var(--soft);padding:.7rem;border-radius:6px;overflow:auto;font-size:13px}
h4{margin:.8rem 0 .2rem}`;

const schemaOf = (content: Record<string, { schema?: unknown }> | undefined) => content?.["application/json"]?.schema;
const block = (title: string, schema: unknown) =>
  schema === undefined ? "" : html`<h4>${title}</h4><pre>${JSON.stringify(schema, null, 2)}</pre>`;

function operationEntry(method: string, path: string, operation: Operation) {
  const success = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith("2"));
  const parameters = operation.parameters?.map(({ name, in: place, required, schema }) => ({
    name,
    in: place,
    required,
    schema,
  }));
  return html`<details><summary><b>${method}</b><code>${path}</code><span>${operation.summary ?? ""}</span></summary><div>
    ${block("Parameters", parameters)}
    ${block("Body", schemaOf(operation.requestBody?.content))}
    ${block(`Answer ${success?.[0] ?? ""}`, schemaOf(success?.[1].content))}
  </div></details>`;
}

/** The reference as one page of plain HTML: no script, nothing from elsewhere, so it works offline and under any policy. */
function docsPage(document: Document) {
  const byTag = new Map<string, ReturnType<typeof operationEntry>[]>();
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods as Record<string, Operation>)) {
      const tag = operation.tags?.[0] ?? "other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), operationEntry(method, path, operation)]);
    }
  }
  const sections = [...byTag].map(([tag, entries]) => html`<h2>${tag}</h2>${entries}`);
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Catalyst API</title>
    <meta name="viewport" content="width=device-width, initial-scale=1"><style>${raw(STYLE)}</style></head>
    <body><h1>Catalyst API ${CATALYST_VERSION}</h1>
    <p>Send <code>Authorization: Bearer</code> with a token from <code>POST /api/auth/login</code> or an API key.
    The machine-readable document is <a href="/api/openapi.json">/api/openapi.json</a>.</p>${sections}</body></html>`;
}

/** Serves the document that the routes themselves make, and a page to read it. */
export function serveDocs(app: OpenAPIHono<AppEnv>): void {
  let document: Document | undefined;
  const current = () => {
    document ??= app.getOpenAPI31Document({ openapi: "3.1.0", info: INFO });
    return document;
  };
  app.get("/api/openapi.json", (c) => c.json(current(), 200, { "Cache-Control": "public, max-age=300" }));
  app.get("/api/docs", (c) =>
    c.html(docsPage(current()), 200, {
      "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
      "Cache-Control": "public, max-age=300",
    }),
  );
}
