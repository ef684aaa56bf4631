import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesTemplate } from "../../../src/gateway/offered/uri_template.ts";
import { cpuMs } from "../../cpu_time.ts";

const MATCHES: readonly (readonly [template: string, uris: readonly string[]])[] = [
  ["note://fixed", ["note://fixed"]],
  ["note://{id}", ["note://5", "note://caf%C3%A9", "note://a,b", "note://a?b", "note://}"]],
  ["note://{id}/comments/{n}", ["note://5/comments/7", "note://comments/comments/comments"]],
  ["file:///{+path}", ["file:///a", "file:///a/b/c.txt"]],
  ["file:///{path*}", ["file:///a", "file:///a/b/c.txt"]],
  ["x://a{/list*}", ["x://a", "x://a/b", "x://a/b/c"]],
  ["x://a{.type}", ["x://a", "x://a.json", "x://a."]],
  ["x://a{;v,w}", ["x://a", "x://a;v=1;w=2"]],
  ["x://a{#part}", ["x://a", "x://a#", "x://a#b/c"]],
  ["x://a{?q,limit}", ["x://a", "x://a?q=1", "x://a?q=/b&limit=2"]],
  ["x://a?fixed=1{&q}", ["x://a?fixed=1", "x://a?fixed=1&q=2"]],
  ["{scheme}://{host}", ["a://b"]],
  ["{+a}x{b}", ["a/xbxc", "a/x/bxc"]],
];

const MISMATCHES: readonly (readonly [template: string, uris: readonly string[]])[] = [
  ["note://fixed", ["note://Fixed", "note://fixe", "note://fixed/"]],
  ["note://{id}", ["note://", "note://5/comments", "notes://5", "Note://5", ""]],
  ["note://{id}/comments/{n}", ["note://5/comments/", "note://5/6/comments/7"]],
  ["x://a{/list*}", ["x://b", "x://ab"]],
  ["x://a{?q}", ["x://aq", "x://a?q#b"]],
  ["x://{", ["x://{", "x://a"]],
  ["x://}", ["x://a"]],
  ["x://{}", ["x://{}", "x://a"]],
  ["x://{a}}", ["x://a}", "x://a"]],
  ["x://{a{b}}", ["x://a"]],
];

Deno.test("[offered.templates] a template matches its expansions", () => {
  for (const [template, uris] of MATCHES) {
    for (const uri of uris) assert.ok(matchesTemplate(template, uri), `${template} ${uri}`);
  }
});

Deno.test("[offered.templates] a template matches no other URI, and an invalid one matches none", () => {
  for (const [template, uris] of MISMATCHES) {
    for (const uri of uris) assert.ok(!matchesTemplate(template, uri), `${template} ${uri}`);
  }
});

/** The text of a regular expression for each part of a template. */
const PARTS: Readonly<Record<string, string>> = {
  a: "a",
  "/": "/",
  "?": "\\?",
  "{v}": "[^/]+",
  "{v*}": ".+",
  "{+v}": ".+",
  "{/v}": "(?:/.*)?",
  "{?v}": "(?:\\?[^#]*)?",
  "{#v}": "(?:#.*)?",
};

Deno.test("[offered.templates] a template matches as a regular expression of its parts does", () => {
  const anyTemplate = fc.array(fc.constantFrom(...Object.keys(PARTS)), { maxLength: 6 });
  const anyUri = fc.string({ unit: fc.constantFrom("a", "/", "?", "#", "b"), maxLength: 10 });
  fc.assert(
    fc.property(anyTemplate, anyUri, (parts, uri) => {
      const pattern = new RegExp(`^${parts.map((part) => PARTS[part]).join("")}$`);
      assert.equal(matchesTemplate(parts.join(""), uri), pattern.test(uri));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("[offered.templates] a hostile template takes time in proportion to the URI", () => {
  // Every template has characters that the URI has in the same order.
  const uri = `x://${"a".repeat(2000)}/${"a".repeat(2000)}`;
  const templates = [
    `x://${"{a}a".repeat(16)}`,
    `x://${"{a}".repeat(16)}`,
    `x://${"{a}aaaa".repeat(16)}`,
    `x://{a}${"a".repeat(2000)}`,
    `x://${"{a}".repeat(1000)}`,
  ];
  const startedAt = cpuMs();
  for (const template of templates) assert.equal(matchesTemplate(template, uri), false);
  const ms = cpuMs() - startedAt;
  assert.ok(ms < 100, `Matching took ${ms} ms`);
  assert.equal(matchesTemplate("x://{a}", `x://${"a".repeat(5000)}`), false);
});
