import assert from "node:assert/strict";
import { makeLazy } from "../../scripts/lazy_builtins.ts";

const BEFORE =
  'var a=1;import{createRequire as __deno_internal_createRequire} from "node:module";' +
  "var Q=__deno_internal_createRequire(import.meta.url);var b=Q;export{Q}";

Deno.test("a bundle loads Node's modules when they are used", async () => {
  const text = makeLazy(BEFORE);
  assert.doesNotMatch(text, /node:module|createRequire/);
  const { Q: require } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  assert.equal(typeof require("net").connect, "function");
  assert.equal(require("node:util"), require("util"));
  assert.throws(() => require("supports-color"), /Cannot find module supports-color/);
});

Deno.test("a bundle that needs none of them stays as it is", () => {
  for (const text of ["", "var a=1;", 'import{createRequire as c}from"other";']) {
    assert.equal(makeLazy(text), text);
  }
});
