/**
 * Sets the text of elements and attributes in XML: `config.server.port`, `config.server@name`. The rest of the document
 * stays as it is written. Pure.
 */

const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<[?!][^>]*>|<\/([^\s>]+)\s*>|<([^\s/>]+)((?:"[^"]*"|'[^']*'|[^"'>])*?)(\/?)>/g;

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const encoded = (text: string) => text.replace(/[&<>"]/g, (char) => ENTITIES[char]!);

interface Place {
  openStart: number;
  openEnd: number;
  name: string;
  attributes: string;
  isEmpty: boolean;
  closeStart: number;
}

/** The first element with this path. */
function find(text: string, path: string[]): Place | null {
  const names: string[] = [];
  let found: Place | null = null;
  for (const match of text.matchAll(TOKEN)) {
    const [token, closing, opening, attributes = "", slash] = match;
    if (opening !== undefined) {
      names.push(opening);
      const isIt = !found && names.join("/") === path.join("/");
      const openEnd = match.index + token.length;
      const isEmpty = slash === "/";
      if (isIt) {
        found = { openStart: match.index, openEnd, name: opening, attributes, isEmpty, closeStart: openEnd };
        if (isEmpty) return found;
      }
      if (isEmpty) names.pop();
    } else if (closing !== undefined) {
      if (found && names.join("/") === path.join("/")) return { ...found, closeStart: match.index };
      names.pop();
    }
  }
  return null;
}

function withAttribute(attributes: string, name: string, value: string): string {
  const written = `${name}="${encoded(value)}"`;
  const present = new RegExp(`(^|\\s)${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\s*=\\s*("[^"]*"|'[^']*')`);
  if (present.test(attributes)) return attributes.replace(present, (_, space: string) => `${space}${written}`);
  return `${attributes.trimEnd()} ${written}`;
}

/** @throws Error when the document has no such element: where to put one only its author knows. */
export function editXml(text: string, values: Record<string, string>): string {
  let edited = text;
  for (const [key, value] of Object.entries(values)) {
    const [elements, attribute] = key.split("@");
    const place = find(edited, elements!.split("."));
    if (!place) throw new Error(`there is no element ${elements}`);
    const { openStart, openEnd, name, attributes, isEmpty, closeStart } = place;
    if (attribute !== undefined) {
      const tag = `<${name}${withAttribute(attributes, attribute, value)}${isEmpty ? "/" : ""}>`;
      edited = edited.slice(0, openStart) + tag + edited.slice(openEnd);
    } else if (isEmpty) {
      const element = `<${name}${attributes.trimEnd()}>${encoded(value)}</${name}>`;
      edited = edited.slice(0, openStart) + element + edited.slice(openEnd);
    } else {
      edited = edited.slice(0, openEnd) + encoded(value) + edited.slice(closeStart);
    }
  }
  return edited;
}
