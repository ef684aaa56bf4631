import assert from "node:assert/strict";
import {
  addIssuedSecrets,
  quoteServerText,
  redactExcerpt,
  secretsOf,
} from "../../src/downstream/secrets.ts";
import type { ServerConfig } from "../../src/config/mod.ts";

const SECRET = `K7${"w".repeat(98)}`;

const CONFIG: ServerConfig = {
  name: "s",
  publicInfo: { transport: "stdio" },
  connection: { kind: "stdio", command: "", args: [], env: { KEY: SECRET } },
  options: {
    isolation: "shared",
    idleTimeoutMs: 300_000,
    connectTimeoutMs: 30_000,
    callTimeoutMs: 60_000,
    maxCallMs: 600_000,
    maxConcurrency: 64,
    forward: [],
    inheritEnv: [],
  },
  secrets: [],
  fingerprint: "",
};

Deno.test("[log.redacted] no cut leaves a part of a secret in a quote", () => {
  const colors = "\x1b[31m\x1b[0m".repeat(20);
  // The lengths place the secret before, across and after the cuts at 200, 500 and 16,384 characters.
  const lengths = [150, 195, 370, 450, 495, 16_300, 16_380, 16_384];
  for (const length of lengths) {
    for (const filler of ["x ", "\n", "\x07", "\u202e"]) {
      const text = `${colors}${filler.repeat(length).slice(0, length)} ${SECRET} end`;
      for (const quote of [redactExcerpt(text, CONFIG), quoteServerText(text, CONFIG)]) {
        assert.doesNotMatch(quote, /K7w/, `${length} of ${JSON.stringify(filler)}`);
        assert.ok(quote.length <= 510, `${quote.length}`);
      }
    }
  }
  assert.match(
    redactExcerpt(`${colors}before ${SECRET} after`, CONFIG),
    /^before \[redacted\] after$/,
  );
});

Deno.test("[log.redacted] a secret is removed from a quote as it is, as a JSON string and percent-encoded", () => {
  const secret = 'qu"ote\\back/sl+ash &é%';
  const config: ServerConfig = { ...CONFIG, secrets: [secret] };
  const quotes = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll(/%../g, (escape) => escape.toLowerCase()),
    encodeURI(secret),
    new URLSearchParams({ a: secret }).toString().slice(2),
  ];
  for (const quote of quotes) {
    assert.equal(redactExcerpt(`before ${quote} after`, config), "before [redacted] after", quote);
  }
});

Deno.test("[log.redacted] the secrets that a server issues are searched for in bounded time", () => {
  const config: ServerConfig = { ...CONFIG };
  for (let issued = 0; issued < 20; issued++) {
    const lines = Array.from({ length: 1700 }, (_, index) => `"é${issued * 1700 + index}`);
    addIssuedSecrets(config, [lines.join("\n").slice(0, 16_384)]);
  }
  const texts = secretsOf(config);
  assert.ok(texts.length <= 100, `${texts.length} texts`);
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  assert.ok(length < 2 * 1024 * 1024, `${length} characters`);
});

Deno.test("[log.redacted] the newest secret that a server issues is removed, whatever it issued before", () => {
  const config: ServerConfig = { ...CONFIG };
  const secret = `newest\n${"s".repeat(10)}`;
  addIssuedSecrets(config, [
    ...Array.from({ length: 30 }, (_, index) => `${index}`.repeat(8000)),
    secret,
  ]);
  assert.equal(redactExcerpt(`before ${secret} after`, config), "before [redacted] after");
});
