import assert from "node:assert/strict";
import fc from "fast-check";
import {
  mayBeHashedNameOf,
  offeredName,
  readOfferedName,
} from "../../../src/gateway/offered/names.ts";

const NAMES: readonly (readonly [server: string, name: string, offered: RegExp])[] = [
  ["files", "read_file", /^files__read_file$/],
  ["my-server", "get-Sum2", /^my-server__get-Sum2$/],
  ["a", "_b", /^a___b$/],
  ["a_", "b", /^a___b_[0-9a-f]{6}$/],
  ["a", "b__c", /^a__b__c_[0-9a-f]{6}$/],
  ["a__b", "c", /^a__b__c_[0-9a-f]{6}$/],
  ["my server", "read.file", /^my_server__read_file_[0-9a-f]{6}$/],
  ["café", "crème", /^caf___cr_me_[0-9a-f]{6}$/],
  ["a", "get_facade", /^a__get_facade_[0-9a-f]{6}$/],
  ["a", "get_FACADE", /^a__get_FACADE$/],
  ["files", "r".repeat(57), /^files__r{57}$/],
  ["files", "r".repeat(58), /^files__r{50}_[0-9a-f]{6}$/],
  ["s".repeat(80), "x", /^s{57}_[0-9a-f]{6}$/],
];

for (const [server, name, offered] of NAMES) {
  Deno.test(`[direct.name] ${server.slice(0, 20)} ${name.slice(0, 20)}`, () => {
    assert.match(offeredName({ server, name }, 64), offered);
  });
}

Deno.test("[direct.name] the name of a tool never changes", () => {
  assert.equal(offeredName({ server: "my server", name: "read.file" }, 64), GOLDEN_NAME);
});

/** A name that clients may keep in their settings, such as which tools a person has approved. */
const GOLDEN_NAME = "my_server__read_file_5ad433";

/** All texts of one to three characters of an alphabet in which names are likely to meet. */
const TEXTS = ["a", "_", ".", "é"].flatMap((one, _index, letters) => [
  one,
  ...letters.flatMap((two) => [one + two, ...letters.map((three) => one + two + three)]),
]);

Deno.test("[direct.name] no two tools have the same name", () => {
  for (const maxLength of [32, 64]) {
    const names = new Map<string, string>();
    for (const server of TEXTS) {
      for (const name of TEXTS) {
        const offered = offeredName({ server, name }, maxLength);
        assert.equal(names.get(offered), undefined, `${server} ${name} is ${offered}`);
        names.set(offered, `${server} ${name}`);
      }
    }
  }
});

Deno.test("[direct.name] no name of a server is that of another server with a hash", () => {
  const hashed = offeredName({ server: "a.b", name: "c" }, 64);
  const name = hashed.slice("a_b__".length);
  assert.notEqual(offeredName({ server: "a_b", name }, 64), hashed);
});

const partArbitrary = fc.oneof(
  fc.string({ minLength: 1, maxLength: 80 }),
  fc.string({ minLength: 1, maxLength: 80, unit: "binary" }),
  fc.stringMatching(/^[a-f0-9_.-]{1,40}$/),
);
const limitArbitrary = fc.integer({ min: 32, max: 128 });

Deno.test("[direct.name] every name is short, plain, and leads back to its server and tool", () => {
  fc.assert(fc.property(partArbitrary, partArbitrary, limitArbitrary, (server, name, maxLength) => {
    const offered = offeredName({ server, name }, maxLength);
    assert.match(offered, /^[A-Za-z0-9_-]+$/);
    assert.ok(offered.length <= maxLength);
    const item = readOfferedName(offered, maxLength);
    if (item === undefined) assert.ok(mayBeHashedNameOf(server, offered));
    else assert.deepEqual(item, { server, name });
  }));
});

Deno.test("[direct.name] other texts are read as no name", () => {
  for (const text of ["", "__", "a", "a__", "__a", "a b__c", "a__b__c", "a__b_abcdef", "a.__b"]) {
    assert.equal(readOfferedName(text, 64), undefined, text);
  }
  assert.equal(mayBeHashedNameOf("b", "a__b_abcdef"), false);
});
