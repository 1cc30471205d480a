/** What every format keeps: comments, order, line ends, and every byte of what is not set. */
import { describe, expect, test } from "vitest";
import type { ConfigFile } from "../../protocol/template.ts";
import { editText } from "./edit-text.ts";

interface Case {
  parser: ConfigFile["parser"];
  before: string;
  values: Record<string, string>;
  after: string;
}

const CASES: Case[] = [
  {
    parser: "properties",
    before: "#Grüße\n! old style\nb.port : 1\na=x\\\n  y\nlevel-type=minecraft\\:normal\nb.port=2\n\nsnowman=\\u2603",
    values: { "b.port": "9", a: "ü☃", "level-type": "minecraft:normal", snowman: "☃", "new key": " padded" },
    after:
      "#Grüße\n! old style\nb.port : 9\na=ü☃\nlevel-type=minecraft\\:normal\nb.port=9\n\nsnowman=\\u2603\nnew\\ key=\\ padded\n",
  },
  {
    parser: "ini",
    before:
      "; head\nname = x\n\n[/Script/Engine.GameSession]\n# about players\nMaxPlayers = 5\nMaxPlayers=6\n\n[net]\nport=1\n",
    values: { "/Script/Engine.GameSession.MaxPlayers": "7", "net.motd": "ü☃ = ;", name: "y", "new.key": "v" },
    after:
      "; head\nname = y\n\n[/Script/Engine.GameSession]\n# about players\nMaxPlayers = 5\nMaxPlayers=7\n\n[net]\nport=1\nmotd=ü☃ = ;\n[new]\nkey=v\n",
  },
  {
    parser: "json",
    before:
      '{\n\t// the port\n\t"port": 1, /* inline */\n\t"z": [ 1,2 , 3 ],\n\t"a": { "deep": "old", },\n\t"f": 1.0\n}\n',
    values: { port: "2", "a.deep": 'ü"☃', "z[4]": "5", f: "1", "a.more": "true", "new.list[1]": "x" },
    after:
      '{\n\t// the port\n\t"port": 2, /* inline */\n\t"z": [ 1,2 , 3, null, 5 ],\n\t"a": { "deep": "ü\\"☃", "more": true, },\n\t"f": 1.0,\n\t"new": {\n\t\t"list": [\n\t\t\tnull,\n\t\t\t"x"\n\t\t]\n\t}\n}\n',
  },
  {
    parser: "yaml",
    before:
      "# head\nnet:\n    port: 1    # the port\n    motd: 'it''s'\n    empty:\n\nlist:\n- a   # first\n- {x: 1, y: two}\ntext: |\n  kept\n  as is\n",
    values: { "net.port": "2", "net.motd": "ü's ☃", "net.empty": "5", "list[1].y": "a, b", "new.key": "v: w" },
    after:
      "# head\nnet:\n    port: 2    # the port\n    motd: 'ü''s ☃'\n    empty: 5\n\nlist:\n- a   # first\n- {x: 1, y: \"a, b\"}\ntext: |\n  kept\n  as is\nnew:\n  key: \"v: w\"\n",
  },
  {
    parser: "toml",
    before:
      '# head\ntitle = "x"   # the title\n\n[net]  # network\nport = 1      # the port\nhosts = [ "a", # first\n  "b" ]\nwhen = 2020-01-01T00:00:00Z\nbig = 9007199254740993\nratio = 1.0\n\n[[worlds]]\nname = \'lit\'\n[[worlds]]\nname = "second"\n',
    values: { "net.port": "2", title: "ü☃", "worlds[1].name": 'q"', "net.on": "true", "net.ratio": "1", "a.b.c": "d" },
    after:
      '# head\ntitle = "ü☃"   # the title\n\n[net]  # network\nport = 2      # the port\nhosts = [ "a", # first\n  "b" ]\nwhen = 2020-01-01T00:00:00Z\nbig = 9007199254740993\nratio = 1.0\non = true\n\n[[worlds]]\nname = \'lit\'\n[[worlds]]\nname = "q\\""\n[a.b]\nc = "d"\n',
  },
  {
    parser: "xml",
    before:
      '<?xml version="1.0"?>\n<!DOCTYPE config [ <!ENTITY x "<y>"> ]>\n<!-- <port>no</port> -->\n<config a="1>2">\n  <![CDATA[<port>]]>\n  <port unit = \'x\' >1</port>\n  <name/>\n</config>\n',
    values: { "config.port": "2", "config.port@unit": "ü", "config.name": "<☃>", "config@b": '"' },
    after:
      '<?xml version="1.0"?>\n<!DOCTYPE config [ <!ENTITY x "<y>"> ]>\n<!-- <port>no</port> -->\n<config a="1>2" b="&quot;">\n  <![CDATA[<port>]]>\n  <port unit = "ü" >2</port>\n  <name>&lt;☃&gt;</name>\n</config>\n',
  },
  {
    parser: "file",
    before: "// set port 1\nset port 1\nset port-query 2\n  other\n",
    values: { "set port": "set port ü", "set port-query": "set port-query ☃" },
    after: "// set port 1\nset port ü\nset port-query ☃\n  other\n",
  },
];

describe.each(CASES)("$parser", ({ parser, before, values, after }) => {
  test("changes what is set and nothing else", async () => {
    expect(await editText(parser, before, values)).toBe(after);
  });

  test("is not changed by a second application", async () => {
    expect(await editText(parser, after, values)).toBe(after);
    expect(await editText(parser, before, {})).toBe(before);
  });

  test("keeps the line ends of other systems", async () => {
    const crlf = (text: string) => text.replaceAll("\n", "\r\n");
    const edited = await editText(parser, crlf(before), values);
    expect(edited).toBe(crlf(after));
    expect(await editText(parser, edited, values)).toBe(edited);
  });
});

describe("hostile text is judged in good time", () => {
  const repeated = (piece: string) => piece.repeat(Math.floor((512 * 1024) / piece.length));
  const texts: [ConfigFile["parser"], string][] = [
    ...["<", "<a ", '<a b="', "<!", "<a>", "<![CDATA[", "<!DOCTYPE [", "<a/>"].map(
      (p) => ["xml", repeated(p)] as const,
    ),
    ...["[", '{"a":', "/*", "//\n", '"', "1", "[1,"].map((p) => ["json", repeated(p)] as const),
    ...["[", "a=[", "[[a]]\n", "a.", '"""', "#\n", "a={"].map((p) => ["toml", repeated(p)] as const),
    ...["\\", " ", "a\\\n", "=", "[", "[a]\n", ";", "a=\n", "\\u"].map((p) => ["properties", repeated(p)] as const),
    ...["[", "[a]\n", "=", " ", "a = b\n"].map((p) => ["ini", repeated(p)] as const),
  ] as [ConfigFile["parser"], string][];
  test.each(texts)("%s %#", async (parser, text) => {
    const startedAt = performance.now();
    await editText(parser, text, { "a.b": "1", c: "2" }).catch((error) => expect(error).toBeInstanceOf(Error));
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });
});
