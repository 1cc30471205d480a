/**
 * Sets the text of elements and attributes in XML: `config.server.port`, `config.server@name`. The rest of the document
 * stays as it is written. Pure, and linear in the text.
 */

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const encoded = (text: string) => text.replace(/[&<>"]/g, (char) => ENTITIES[char]!);

interface Element {
  path: string;
  name: string;
  /** Of the opening tag. */
  start: number;
  openEnd: number;
  attributes: string;
  isEmpty: boolean;
  /** Where its closing tag begins. */
  closeStart: number;
  hasElements: boolean;
}

const MALFORMED = "it is not well-formed XML";

/** Behind the `>` of a tag or a declaration, whose quotes and brackets may hold others. */
function tagEnd(text: string, from: number): number {
  let quote = "";
  let brackets = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at]!;
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === '"' || char === "'") quote = char;
    else if (char === "[") brackets++;
    else if (char === "]") brackets--;
    else if (char === "<") break;
    else if (char === ">" && brackets <= 0) return at + 1;
  }
  throw new Error(MALFORMED);
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  if (at < 0) throw new Error(MALFORMED);
  return at + mark.length;
}

/** Behind what is no element; -1 for a tag. */
function skipOther(text: string, at: number): number {
  if (text.startsWith("<!--", at)) return after(text, "-->", at + 4);
  if (text.startsWith("<![CDATA[", at)) return after(text, "]]>", at);
  if (text.startsWith("<?", at)) return after(text, "?>", at);
  if (!text.startsWith("<!", at)) return -1;
  // A document type may hold declarations.
  const bracket = text.indexOf("[", at);
  const close = text.indexOf(">", at);
  return bracket >= 0 && bracket < close ? tagEnd(text, after(text, "]", bracket)) : tagEnd(text, at + 1);
}

/** Every element, in the order of its opening tags. @throws Error when they do not fit together. */
function elementsOf(text: string): Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  for (let at = text.indexOf("<"); at >= 0; at = text.indexOf("<", at)) {
    const behind = skipOther(text, at);
    if (behind >= 0) {
      at = behind;
      continue;
    }
    const end = tagEnd(text, at + 1);
    const tag = text.slice(at + 1, end - 1);
    const parent = open.at(-1);
    if (tag.startsWith("/")) {
      if (!parent || tag.slice(1).trimEnd() !== parent.name) throw new Error(MALFORMED);
      parent.closeStart = at;
      open.pop();
    } else {
      const name = /^[^\s/]+/.exec(tag)?.[0];
      if (name === undefined || (!parent && elements.length > 0)) throw new Error(MALFORMED);
      const isEmpty = tag.endsWith("/");
      const attributes = tag.slice(name.length, isEmpty ? -1 : undefined);
      const path = parent ? `${parent.path}.${name}` : name;
      const element = {
        path,
        name,
        start: at,
        openEnd: end,
        attributes,
        isEmpty,
        closeStart: end,
        hasElements: false,
      };
      if (parent) parent.hasElements = true;
      elements.push(element);
      if (!isEmpty) open.push(element);
      if (open.length > 1_000) throw new Error("it is nested too deep");
    }
    at = end;
  }
  if (open.length > 0 || elements.length === 0) throw new Error(MALFORMED);
  return elements;
}

function withAttribute(attributes: string, name: string, value: string): string {
  const present = new RegExp(`(^|\\s)(${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\s*=\\s*)("[^"]*"|'[^']*')`);
  const written = `"${encoded(value)}"`;
  if (present.test(attributes)) {
    return attributes.replace(present, (_, space: string, start: string) => `${space}${start}${written}`);
  }
  return `${attributes.trimEnd()} ${name}=${written}`;
}

function setOne(text: string, key: string, value: string): string {
  const [path = "", attribute] = key.split("@");
  const element = elementsOf(text).find((each) => each.path === path);
  if (!element) throw new Error(`there is no element ${path}`);
  const { start, openEnd, name, attributes, isEmpty, closeStart, hasElements } = element;
  if (attribute !== undefined) {
    const tag = `<${name}${withAttribute(attributes, attribute, value)}${isEmpty ? "/" : ""}>`;
    return text.slice(0, start) + tag + text.slice(openEnd);
  }
  if (hasElements) throw new Error(`${path} holds other elements`);
  if (isEmpty) {
    return `${text.slice(0, start)}<${name}${attributes.trimEnd()}>${encoded(value)}</${name}>${text.slice(openEnd)}`;
  }
  return text.slice(0, openEnd) + encoded(value) + text.slice(closeStart);
}

/** @throws Error when the document is broken, or has no such element: where to put one only its author knows. */
export function editXml(text: string, values: Record<string, string>): string {
  elementsOf(text);
  return Object.entries(values).reduce((edited, [key, value]) => setOne(edited, key, value), text);
}
