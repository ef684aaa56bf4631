/**
 * Checks rules about files against servers as they are written in practice: each turns a URI into a path in a
 * way of its own. The rules must hold whichever of them is behind the gateway.
 */
import assert from "node:assert/strict";
import { posix } from "node:path";
import fc from "fast-check";
import { compilePolicy, type Decision } from "../../src/policy/mod.ts";
import { spellingsOf } from "../../src/policy/uri_spellings.ts";
import { cpuMs } from "../cpu_time.ts";
import { runs } from "./runs.ts";

const attempt = <T>(compute: () => T): T | undefined => {
  try {
    return compute();
  } catch {
    return undefined;
  }
};
const stripScheme = (uri: string) => uri.replace(/^file:\/\//i, "");
const split = (uri: string) => /^file:(?:\/\/[^/?#]*)?([^?#]*)/is.exec(uri)?.[1];

/** Returns the path of the file that a server reads for a URI; `undefined` if it refuses the URI. */
const servers: Record<string, (uri: string) => string | undefined> = {
  "the path of the URL parser": (uri) => URL.parse(uri)?.pathname,
  "the path of the URL parser, decoded": (uri) =>
    attempt(() => decodeURIComponent(new URL(uri).pathname)),
  "decoded, then the path of the URL parser": (uri) =>
    attempt(() => new URL(decodeURIComponent(uri)).pathname),
  "decoded twice": (uri) =>
    attempt(() => decodeURIComponent(decodeURIComponent(new URL(uri).pathname))),
  "the text after file://": stripScheme,
  "the text after file://, decoded": (uri) => attempt(() => decodeURIComponent(stripScheme(uri))),
  "the text after file://, decoded first": (uri) =>
    attempt(() => stripScheme(decodeURIComponent(uri))),
  "the text after file://, with Windows' separators": (uri) =>
    stripScheme(uri).replaceAll("\\", "/"),
  "scheme, host and path split by a pattern": split,
  "split by a pattern, then decoded": (uri) => attempt(() => decodeURIComponent(split(uri) ?? "")),
};

const anyUri = fc.array(
  fc.constantFrom(
    ...[
      "pub",
      "secret",
      "secret",
      "srv",
      "a.md",
      "..",
      ".",
      "/",
      "/",
      "/",
      "\\",
      "#",
      "?",
      " ",
      "\t",
      "é",
    ],
    ...["%2e", "%2E%2e", "%2f", "%2F", "%5c", "%25", "%252e", "%252f", "%23", "%3f", "%73ecret"],
  ),
  { maxLength: 14 },
).chain((parts) =>
  fc.constantFrom(
    ...[
      "file:///srv/pub/",
      "file:///srv/",
      "file:////srv/pub/",
      "FILE:///srv/pub/x/",
      "file:/srv/",
    ],
    ...[
      "file://localhost/srv/pub/",
      "file://host/srv/pub/",
      "file://h:1/srv/pub/",
      "file:\\\\\\srv\\",
    ],
  ).map((start) => start + parts.join(""))
);

function decide(grants: "allow" | "deny", pattern: string, uri: string): Decision["effect"] {
  const rules = { [grants]: { resources: new Map([["files", [pattern]]]) } };
  const agent = { ...rules, allow: { servers: ["files"], ...rules["allow"] } };
  const policy = compilePolicy({ agents: new Map([["a", agent]]), denyOverrides: false });
  return policy.decide("a", { kind: "resource", server: "files", uri }).effect;
}

function listReadPaths(uri: string): string[] {
  return Object.values(servers).flatMap((toPath) => {
    const path = toPath(uri);
    return path === undefined ? [] : [posix.resolve("/srv/pub", path)];
  });
}

const isIn = (folder: string, path: string) => path.startsWith(`${folder}/`);

Deno.test("[rules.uri-spellings] no server reads a file of a denied folder, however the URI is written", () => {
  let denied = 0;
  fc.assert(
    fc.property(anyUri, (uri) => {
      if (decide("deny", "file:///srv/secret/*", uri) === "deny") denied++;
      else {
        const leaked = listReadPaths(uri).filter((path) => isIn("/srv/secret", path));
        assert.deepEqual(leaked, [], uri);
      }
    }),
    { numRuns: runs(1000) },
  );
  assert.ok(denied > runs(5), `${denied} URIs were denied`);
});

Deno.test("[rules.uri-spellings] with an allowed folder, no server reads a file outside", () => {
  let allowed = 0;
  fc.assert(
    fc.property(anyUri, (uri) => {
      if (decide("allow", "file:///srv/pub/*", uri) === "deny") return;
      allowed++;
      const leaked = listReadPaths(uri).filter((path) => {
        return path !== "/srv/pub" && !isIn("/srv/pub", path);
      });
      assert.deepEqual(leaked, [], uri);
    }),
    { numRuns: runs(1000) },
  );
  assert.ok(allowed > runs(5), `${allowed} URIs were allowed`);
});

Deno.test("[rules.uri-spellings] a URI that an entry names exactly is decided by the entry", () => {
  fc.assert(
    fc.property(fc.oneof(anyUri, fc.webUrl({ withFragments: true }), fc.string()), (uri) => {
      if (/[*?]/.test(uri)) return;
      for (const effect of ["allow", "deny"] as const) {
        assert.equal(decide(effect, uri, uri), effect);
      }
    }),
  );
});

Deno.test("[rules.uri-spellings] a URI that cannot be judged is denied by any deny, and allowed by no allow", () => {
  const tooLong = `file:///srv/pub/${"a".repeat(5_000)}`;
  const encodedTooOften = `file:///srv/pub/%${"25".repeat(100)}2e`;
  // Each of its fifty spellings has thousands of characters.
  const tooManyLong = `http://a@b./${"%2525252e%5c//a/".repeat(250)}`;
  for (const uri of [tooLong, encodedTooOften, tooManyLong]) {
    assert.equal(decide("deny", "other://*", uri), "deny");
    assert.equal(decide("allow", "*", uri), "deny");
    assert.equal(decide("allow", uri, uri), "deny");
  }
  for (const uri of [tooLong.slice(0, 4_000), `file:///srv/pub/${"%2525/".repeat(500)}`]) {
    assert.equal(decide("deny", "other://*", uri), "allow");
    assert.equal(decide("allow", "*", uri), "allow");
  }
});

Deno.test("[rules.uri-spellings] a URI has one spelling only if every step leaves it unchanged", () => {
  const ordinary = fc.array(fc.constantFrom("a", "b.c", "..", ".", "...", ".d", "@x", "C:", ""))
    .chain((parts) =>
      fc.constantFrom("docs://x/", "docs://X.y./", "docs://:80/", "file:///", "http://x/", "a:/")
        .map((start) => start + parts.join("/"))
    );
  let count = 0;
  fc.assert(
    fc.property(fc.oneof(ordinary, anyUri), (uri) => {
      if (spellingsOf(uri)?.flat().length !== 1) return;
      count++;
      assert.equal(URL.parse(uri)?.href ?? uri, uri);
      assert.ok(!/[%\\?#]|[^:/]\/\/|\/\/.*\/\/|\/\.{1,2}(?:\/|$)/.test(uri), uri);
    }),
    { numRuns: runs(500) },
  );
  assert.ok(count > runs(12), `${count} URIs had one spelling`);
});

Deno.test("[rules.uri-spellings] the time for a URI does not depend on its content", () => {
  for (const unit of ["%25", "%2525", "../", "//", "\\", "%", "#", "?", "%c3", "*", "é/", "a"]) {
    const uri = `file:///srv/${unit.repeat(1_000_000)}`;
    for (const text of [uri, uri.slice(0, 4_000)]) {
      const startMs = cpuMs();
      decide("deny", "*x*y*", text);
      decide("allow", "*x*y*", text);
      const durationMs = cpuMs() - startMs;
      assert.ok(durationMs < 200, `${unit}: ${durationMs} ms`);
    }
  }
});
