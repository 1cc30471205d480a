import { expect, test } from "vitest";
import { editText } from "./edit-text.ts";

test("properties: values are set in place, others and comments stay, new ones follow", async () => {
  const text = "#Minecraft\nserver-port=25565\n motd : Hello\nquery.port=1\n";
  const values = { "server-port": "30000", motd: "a\\b = c\nd", "level-name": "world one" };
  expect(await editText("properties", text, values)).toBe(
    "#Minecraft\nserver-port=30000\n motd : a\\\\b = c d\nquery.port=1\nlevel-name=world one\n",
  );
  expect(await editText("properties", null, { a: "1" })).toBe("a=1\n");
  const once = await editText("properties", text, values);
  expect(await editText("properties", once, values)).toBe(once);
});

test("a dot in a properties key is a dot", async () => {
  expect(await editText("properties", "queryXport=1\n", { "query.port": "2" })).toBe("queryXport=1\nquery.port=2\n");
});

test("ini: keys belong to their section", async () => {
  const text = "name=x\n[net]\nport=1\n; note\n[log]\nport=2\n";
  expect(await editText("ini", text, { "log.port": "9", "net.host": "a", name: "y", "new.key": "v" })).toBe(
    "name=y\n[net]\nport=1\n; note\nhost=a\n[log]\nport=9\n[new]\nkey=v\n",
  );
});

test("json: types follow what is there, paths are made, the indent stays", async () => {
  const text = '{\n\t"port": "1",\n\t"max": 5,\n\t"list": [{ "n": 1 }]\n}\n';
  const edited = await editText("json", text, { port: "2", max: "20", on: "true", "list[0].n": "3", "a.b[1]": "x" });
  expect(JSON.parse(edited!)).toEqual({ port: "2", max: 20, on: true, list: [{ n: 3 }], a: { b: [null, "x"] } });
  expect(edited).toContain('\n\t"port"');
  expect(await editText("json", null, { a: "1" })).toBe('{\n  "a": 1\n}\n');
});

test("toml and yaml are edited by path, yaml with its comments", async () => {
  expect(await editText("toml", 'title = "x"\n[net]\nport = 1\n', { "net.port": "2" })).toContain("port = 2");
  expect(await editText("yaml", "# head\nnet:\n  port: 1 # the port\n", { "net.port": "2", "net.name": "a: b" })).toBe(
    '# head\nnet:\n  port: 2 # the port\n  name: "a: b"\n',
  );
});

test("xml: text and attributes are set, encoded, and the rest stays", async () => {
  const text =
    '<?xml version="1.0"?>\n<!-- <a><b>no</b></a> -->\n<a x="1>2"><c/><b id=\'7\'>old</b><b>second</b></a>\n';
  const values = { "a.b": '<new> & "x"', "a.b@id": "8", "a@y": "z", "a.c": "filled" };
  expect(await editText("xml", text, values)).toBe(
    '<?xml version="1.0"?>\n<!-- <a><b>no</b></a> -->\n<a x="1>2" y="z"><c>filled</c><b id="8">&lt;new&gt; &amp; &quot;x&quot;</b><b>second</b></a>\n',
  );
  await expect(editText("xml", text, { "a.d": "1" })).rejects.toThrow("no element a.d");
  expect(await editText("xml", null, { a: "1" })).toBeNull();
});

test("file: lines that begin with a key become the value", async () => {
  expect(await editText("file", "set port 1\n  set name x\nelse\n", { "set port": "set port 2" })).toBe(
    "set port 2\n  set name x\nelse\n",
  );
});

test.each(["__proto__.polluted", "a.constructor.b", "prototype"])("no key reaches a prototype: %s", async (path) => {
  for (const parser of ["json", "toml", "yaml"] as const) {
    await expect(editText(parser, parser === "json" ? "{}" : "", { [path]: "1" })).rejects.toThrow("not a key");
  }
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("content of another format is said to be so", async () => {
  await expect(editText("json", "not json", { a: "1" })).rejects.toThrow();
  await expect(editText("json", "[]x", { a: "1" })).rejects.toThrow();
  await expect(editText("yaml", "a: [", { a: "1" })).rejects.toThrow("not YAML");
});
