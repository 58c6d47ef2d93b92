import assert from "node:assert/strict";
import { test } from "node:test";

import { UNMAPPED, bytes, isPackage, mapOf, weigh } from "./measure.js";

const map = (mappings, sources = ["../src/a.js", "node_modules/lib/index.js"]) =>
  JSON.stringify({ version: 3, sources, names: [], mappings });

test("bytes belong to the module that is mapped there", () => {
  // 0 -> a.js, 4 -> lib, 8 -> no source.
  const weights = weigh("aaaalllluuu", map("AAAA,ICAA,I"));
  assert.deepEqual([...weights], [["node_modules/lib", 4], ["src/a.js", 4], [UNMAPPED, 3]]);
});

test("sources are relative across lines, columns are not", () => {
  const weights = weigh("aa\nll\n", map("AAAA;ACAA"));
  assert.deepEqual([...weights], [["node_modules/lib", 3], ["src/a.js", 3]]);
});

test("all bytes are somebody's", () => {
  const code = "const x = 'é€😀';\nrest\n";
  const sum = [...weigh(code, map("IAAA")).values()].reduce((a, b) => a + b, 0);
  assert.equal(sum, bytes(code));
  assert.equal(bytes(code), Buffer.byteLength(code));
});

test("a package is one module", () => {
  const sources = ["x/node_modules/@s/lib/a.js", "x/node_modules/@s/lib/b.js"];
  const weights = weigh("aabb", map("AAAA,ECAA", sources));
  assert.deepEqual([...weights], [["node_modules/@s/lib", 4]]);
  assert.ok(isPackage("node_modules/@s/lib") && !isPackage("src/a.js"));
});

test("what is no source map is refused", () => {
  for (const text of ["", "{}", "null", '{"version":2}', map("!"), map("gggggggggA")]) {
    assert.throws(() => weigh("code", text));
  }
});

test("the last source map that is named counts", () => {
  assert.equal(mapOf("a\n//# sourceMappingURL=no.map\nb\n//# sourceMappingURL=app.js.map\n"), "app.js.map");
  assert.equal(mapOf("/*# sourceMappingURL=app.css.map */"), "app.css.map");
  assert.equal(mapOf("nothing"), undefined);
});
