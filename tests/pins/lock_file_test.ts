import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson } from "../../src/canonical_json.ts";
import {
  canonicalDefinition,
  comparePins,
  diffWords,
  formatLockFile,
  type LockedServer,
  type LockFile,
  parseLockFile,
  type Pin,
  type ServerPins,
} from "../../src/pins/mod.ts";
import { sha256 } from "../../src/sha256.ts";

function pinOf(text: string): Pin {
  const sha256 = new TextEncoder().encode(text).toHex().padEnd(64, "0");
  return { sha256, definition: { description: text } };
}

function pinsOf({ tools = {}, prompts = {} }: {
  readonly tools?: Record<string, Pin>;
  readonly prompts?: Record<string, Pin>;
}): ServerPins {
  return {
    tools: new Map(Object.entries(tools)),
    resourceTemplates: new Map(),
    prompts: new Map(Object.entries(prompts)),
  };
}

function parse(text: string): LockFile {
  const parsed = parseLockFile(text);
  assert("lockFile" in parsed, JSON.stringify(parsed));
  return parsed.lockFile;
}

Deno.test("[pins.file] a lock file reads back as it was written, in a fixed order", () => {
  const server: LockedServer = {
    serverInfo: { name: "s", version: "1" },
    pins: pinsOf({ tools: { b: pinOf("b"), a: pinOf("a"), __proto__: pinOf("c") } }),
  };
  const other: LockedServer = { serverInfo: {}, pins: pinsOf({ prompts: { p: pinOf("d") } }) };
  const text = formatLockFile(new Map([["z", server], ["a", other]]));
  assert.equal(
    text,
    formatLockFile(
      new Map([["a", other], ["z", {
        ...server,
        pins: { ...server.pins, tools: new Map([...server.pins.tools].reverse()) },
      }]]),
    ),
  );
  assert(text.endsWith("}\n"));
  const lockFile = parse(text);
  assert.deepEqual([...lockFile.keys()], ["a", "z"]);
  assert.deepEqual(lockFile.get("z")?.serverInfo, server.serverInfo);
  assert.deepEqual(lockFile.get("z")?.pins, server.pins);
  assert.equal(formatLockFile(lockFile), text);
});

Deno.test("[pins.file] names that objects treat specially are ordinary names, and invisible characters are escaped", () => {
  const pins = pinsOf({ tools: JSON.parse('{"__proto__":null,"1":null,"constructor":null}') });
  const tools = new Map([...pins.tools.keys()].map((name) => [name, pinOf("a\u202eb")]));
  const text = formatLockFile(
    new Map([["__proto__", { serverInfo: {}, pins: { ...pins, tools } }]]),
  );
  assert(text.includes("a\\u202eb"));
  const read = parse(text).get("__proto__")?.pins.tools;
  assert.deepEqual([...read?.keys() ?? []].sort(), ["1", "__proto__", "constructor"]);
  assert.equal(read?.get("1")?.definition.description, "a\u202eb");
});

Deno.test("[pins.file] a definition that is nested deeply takes no more room than another", () => {
  for (const depth of [300, 20_000]) {
    const json = `{"default":${"[".repeat(depth)}${"1,".repeat(20_000)}1${"]".repeat(depth)}}`;
    const pin = { ...pinOf("deep"), definition: JSON.parse(json) };
    const server = { serverInfo: {}, pins: pinsOf({ tools: { deep: pin } }) };
    const text = formatLockFile(new Map([["s", server]]));
    assert(text.length < 2 * json.length, `${text.length}`);
    const read = parse(text).get("s")?.pins.tools.get("deep")?.definition;
    assert.equal(canonicalJson(read), json);
  }
  assert.equal(
    formatLockFile(
      new Map([["s", { serverInfo: { name: "n" }, pins: pinsOf({ tools: { t: pinOf("a") } }) }]]),
    ),
    `${
      JSON.stringify(
        {
          version: 1,
          servers: {
            s: { serverInfo: { name: "n" }, tools: { t: pinOf("a") } },
          },
        },
        undefined,
        2,
      )
    }\n`,
  );
});

Deno.test("[pins.file] anything unexpected in a lock file is a failure that says where", () => {
  const pin = { sha256: "0".repeat(64), definition: {} };
  const server = (value: unknown) => JSON.stringify({ version: 1, servers: { s: value } });
  for (
    const [text, reason] of [
      ["", /not JSON/],
      ["{", /not JSON/],
      ["[]", /not a JSON object/],
      ["{}", /"version" is not 1/],
      ['{"version":2,"servers":{}}', /another release/],
      ['{"version":1}', /no object "servers"/],
      ['{"version":1,"servers":{},"server":{}}', /^it has the unknown key "server"/],
      [server([]), /servers\["s"\] is not an object/],
      [server({ tool: {} }), /unknown key "tool"/],
      [server({ tools: [] }), /tools is not an object/],
      [server({ tools: { t: { ...pin, sha256: "abc" } } }), /tools\["t"\] is not a pin/],
      [server({ tools: { t: { sha256: pin.sha256 } } }), /tools\["t"\] is not a pin/],
      [server({ prompts: { t: null } }), /prompts\["t"\] is not a pin/],
      [server({ serverInfo: { version: 1 } }), /serverInfo/],
    ] as const
  ) {
    const parsed = parseLockFile(text);
    assert("failure" in parsed, text);
    assert.match(parsed.failure, reason);
  }
});

Deno.test("[pins.hash] a hash leaves out _meta, icons, the order of keys and spaces, and nothing else", async () => {
  const hash = async (json: string): Promise<string> => {
    const canonical = canonicalDefinition(json);
    assert("json" in canonical, json);
    return await sha256(canonical.json);
  };
  const pinned = await hash('{"name":"t","description":"d","inputSchema":{"a":1}}');
  for (
    const same of [
      '{ "description":"d", "inputSchema":{"a":1.0}, "name":"t" }',
      '{"name":"t","description":"\\u0064","inputSchema":{"a":1},"_meta":{"a":2},"icons":[]}',
    ]
  ) assert.equal(await hash(same), pinned);
  for (
    const other of [
      '{"name":"t","description":"d ","inputSchema":{"a":1}}',
      '{"name":"t","description":"d","inputSchema":{"a":1,"_meta":1}}',
      '{"name":"t","description":"d","inputSchema":{"a":"1"}}',
      '{"name":"t","description":"d","inputSchema":{"a":1},"annotations":{}}',
      '{"name":"t","title":"","description":"d","inputSchema":{"a":1}}',
    ]
  ) assert.notEqual(await hash(other), pinned);
});

Deno.test("[pins.hash] a definition that clients may read in two ways cannot be pinned", () => {
  for (
    const [json, reason] of [
      ['{"description":"bad","description":"good"}', /a key twice/],
      ['{"inputSchema":{"a":1,"\\u0061":2}}', /a key twice/],
      ['{"inputSchema":{"maximum":1e999}}', /no canonical form/],
      ['{"description":"\\ud800"}', /no canonical form/],
      [`{"a":[${"0,".repeat(100_001)}0]}`, /too many values/],
    ] as const
  ) {
    const canonical = canonicalDefinition(json);
    assert("failure" in canonical, json.slice(0, 80));
    assert.match(canonical.failure, reason);
  }
});

Deno.test("[pins.differences] items that are new, changed and gone are differences", () => {
  const pins = pinsOf({
    tools: { same: pinOf("a"), changed: pinOf("b"), gone: pinOf("c") },
    prompts: { p: pinOf("d") },
  });
  const listed = pinsOf({ tools: { new: pinOf("e"), changed: pinOf("f"), same: pinOf("a") } });
  assert.deepEqual(
    comparePins(pins, listed).map(({ kind, name, change }) => [kind, name, change]),
    [
      ["tools", "new", "new"],
      ["tools", "changed", "changed"],
      ["tools", "gone", "gone"],
      ["prompts", "p", "gone"],
    ],
  );
  assert.deepEqual(comparePins(pins, pins), []);
});

Deno.test("[pins.diff] a difference is shown word by word, and both texts can be read from it", () => {
  assert.deepEqual(diffWords("Reads a file.", "Reads a small file!"), [
    { side: "both", text: "Reads a " },
    { side: "new", text: "small " },
    { side: "both", text: "file" },
    { side: "old", text: "." },
    { side: "new", text: "!" },
  ]);
  const word = fc.constantFrom("a", "b", "c", " ", ".", "\n", "\u{1f600}", "\ud800");
  const texts = fc.array(word, { maxLength: 60 }).map((words) => words.join(""));
  fc.assert(fc.property(texts, texts, (oldText, newText) => {
    const parts = diffWords(oldText, newText);
    const read = (side: "old" | "new") =>
      parts.filter((part) => part.side === side || part.side === "both")
        .map(({ text }) => text).join("");
    assert.equal(read("old"), oldText);
    assert.equal(read("new"), newText);
    if (oldText === newText) assert(parts.every(({ side }) => side === "both"));
  }));
});

Deno.test("[pins.diff] long texts that have nothing in common are compared in bounded time", () => {
  const startedAt = performance.now();
  diffWords("a b ".repeat(200_000), "c d ".repeat(200_000));
  diffWords(Array.from({ length: 9000 }, (_, at) => `a${at}`).join(" "), "x y z ".repeat(1500));
  assert(performance.now() - startedAt < 3000);
});
