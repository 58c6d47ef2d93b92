// Whose bytes a bundle consists of, by its source map. Knows nothing of components, so that it is tested with Node.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));

/** What the map says of no module: the bundler's own code. */
export const UNMAPPED = "(bundler)";

/**
 * Bytes of the bundle by module: a package of node_modules, or a file of one's own. Throws where the map is none.
 *
 * @param {string} code
 * @param {string} mapText a source map of version 3
 * @returns {Map<string, number>} heaviest first
 */
export function weigh(code, mapText) {
  const map = JSON.parse(mapText);
  if (map?.version !== 3 || typeof map.mappings !== "string" || !Array.isArray(map.sources)) {
    throw new Error("it is no source map of version 3");
  }
  const modules = map.sources.map((source) => moduleOf(String(source)));
  const weights = new Map();
  const add = (module, text) => {
    if (text !== "") weights.set(module, (weights.get(module) ?? 0) + bytes(text));
  };
  const mapped = map.mappings.split(";");
  // A line's end belongs to what stands before it.
  const lines = code.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let source = 0;
  lines.forEach((line, number) => {
    let column = 0;
    let from = 0;
    let module = UNMAPPED;
    for (const segment of (mapped[number] ?? "").split(",")) {
      if (segment === "") continue;
      const fields = decode(segment);
      column += fields[0];
      add(module, line.slice(from, column));
      from = Math.max(from, column);
      source += fields[1] ?? 0;
      module = fields.length > 1 ? (modules[source] ?? UNMAPPED) : UNMAPPED;
    }
    add(module, line.slice(from));
  });
  return new Map([...weights].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}

/** The last file that a bundle names as its source map, if it names any. */
export function mapOf(code) {
  const found = [...code.matchAll(/^\/[/*][#@] sourceMappingURL=([^\s*]+)/gm)].at(-1);
  return found?.[1];
}

export function isPackage(module) {
  return module.startsWith("node_modules/");
}

/** The length in UTF-8. */
export function bytes(text) {
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0);
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return length;
}

function moduleOf(source) {
  const installed = source.lastIndexOf("node_modules/");
  if (installed < 0) return source.replace(/^(\.\.?\/)+/, "");
  const [first, second] = source.slice(installed + "node_modules/".length).split("/");
  return `node_modules/${first.startsWith("@") ? `${first}/${second}` : first}`;
}

/** The numbers of one segment: base64, five bits a digit, the lowest bit is the sign. */
function decode(segment) {
  const fields = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = VALUES.get(digit);
    if (bits === undefined || shift > 30) throw new Error("its mappings are damaged");
    value += (bits & 31) * 2 ** shift;
    shift += 5;
    if (bits < 32) {
      fields.push(value % 2 ? -Math.floor(value / 2) : value / 2);
      value = 0;
      shift = 0;
    }
  }
  return fields;
}
