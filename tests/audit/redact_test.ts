import assert from "node:assert/strict";
import fc from "fast-check";
import { redactedJson, redactText } from "../../src/redact.ts";

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".split("");
const word = (min: number, max: number) => {
  return fc.string({ unit: fc.constantFrom(...letters), minLength: min, maxLength: max });
};

/** A text that contains a secret, and the part of it that must be hidden. */
interface Planted {
  readonly text: string;
  readonly secret: string;
}

const prefixes = [
  "sk-",
  "sk-proj-",
  "sk-ant-api03-",
  "sk_live_",
  "rk_live_",
  "ghp_",
  "gho_",
  "ghs_",
]
  .concat("github_pat_", "glpat-", "xoxb-", "xoxp-", "npm_", "hf_", "pypi-", "ya29.", "hvs.");

const shapes: readonly fc.Arbitrary<Planted>[] = [
  word(32, 60).map((secret) => ({ text: `Bearer ${secret}`, secret })),
  word(12, 60).map((secret) => ({ text: `Authorization: Basic ${secret}==`, secret })),
  fc.tuple(fc.constantFrom(...prefixes), word(30, 50)).map(([prefix, secret]) => {
    return { text: `${prefix}${secret}`, secret };
  }),
  fc.string({ unit: fc.constantFrom(..."ABCDEFGHIJ0123".split("")), minLength: 16, maxLength: 16 })
    .map((secret) => ({ text: `AKIA${secret}`, secret })),
  fc.tuple(word(20, 40), word(40, 80), word(43, 43)).map(([head, body, secret]) => {
    return { text: `eyJ${head}.eyJ${body}.${secret}`, secret };
  }),
  word(200, 400).map((secret) => {
    const lines = `${secret.slice(0, 64)}\n${secret}`;
    const kind = "RSA PRIVATE KEY";
    return { text: `-----BEGIN ${kind}-----\n${lines}\n-----END ${kind}-----`, secret };
  }),
  word(200, 400).map((secret) => {
    return { text: `-----BEGIN PRIVATE KEY-----\\n${secret}`, secret };
  }),
  fc.tuple(word(1, 10), word(8, 30)).map(([user, secret]) => {
    return { text: `postgres://${user}:${secret}@db.example.com:5432/app`, secret };
  }),
  word(20, 40).map((secret) => ({ text: `https://${secret}@example.com/repo.git`, secret })),
  fc.tuple(
    fc.constantFrom(
      "password",
      "PGPASSWORD",
      "DB_PASS",
      "api_key",
      "x-api-key",
      "clientSecret",
      "auth_token",
    ),
    fc.constantFrom("=", ": ", '": "', '\\": \\"', " = '", "=>"),
    word(8, 30),
  ).map(([name, mark, secret]) => ({ text: `${name}${mark}${secret}`, secret })),
  word(8, 30).map((secret) => ({ text: `mysql --password ${secret}`, secret })),
  word(8, 30).map((secret) => ({ text: `Cookie: theme=dark; session=${secret}`, secret })),
  word(8, 30).map((secret) => ({ text: `curl -u me:${secret} https://example.com`, secret })),
  fc.tuple(fc.constantFrom("token", "sig", "X-Amz-Signature"), word(8, 30)).map(
    ([name, secret]) => ({ text: `https://x.example/?q=1&${name}=${secret}&z=2`, secret }),
  ),
];
const planted = fc.oneof(...shapes);
const filler = fc.string({
  unit: fc.constantFrom("a", "é", " ", "\n", ".", '"', "{", "1", "\u{1f600}"),
});

/** Nested values that contain a text; some of them are JSON inside a string. */
function wrapped(text: string): fc.Arbitrary<unknown> {
  const wrap = fc.constantFrom<(value: unknown) => unknown>(
    (value) => [1, value, null],
    (value) => ({ note: value, more: true }),
    (value) => [["x", { deep: value }]],
    (value) => JSON.stringify({ inner: value }),
    (value) => ({ [typeof value === "string" ? value : "key"]: value }),
  );
  return fc.array(wrap, { maxLength: 6 }).map((wraps) => {
    return wraps.reduce((value: unknown, wrap) => wrap(value), text);
  });
}

/**
 * Asserts that a log does not contain a secret, neither as it is nor after unescaping repeatedly.
 */
function assertHidden(json: string, secret: string): void {
  JSON.parse(json);
  assert.equal(json.includes(secret), false, json);
}

Deno.test("[audit.redaction] planted secrets never survive, wherever they are nested", () => {
  const surrounded = fc.tuple(planted, filler, filler).chain(
    ([{ text, secret }, before, after]) => {
      return wrapped(`${before} ${text}\n${after}`).map((value) => ({ value, secret }));
    },
  );
  fc.assert(
    fc.property(surrounded, ({ value, secret }) => {
      assertHidden(redactedJson(value, 4096), secret);
    }),
    { numRuns: 1500 },
  );
});

Deno.test("[audit.redaction] a member with a secret's name is hidden, whatever its value", () => {
  const names = ["password", "dbPassword", "PASSWD", "passphrase", "secret", "client_secret"]
    .concat("token", "accessToken", "api key", "apiKey", "X-API-Key", "Authorization", "cookie")
    .concat("Set-Cookie", "credentials", "private_key", "sessionId", "pin", "auth", "jwt")
    .concat("pass", "dbPass", "SMTP_PASS");
  const value = word(6, 20).chain((secret) => {
    const values = [secret, [secret], { a: { b: secret } }, `x ${secret} y`, 0];
    return fc.constantFrom(...values).map((value) => ({ value, secret }));
  });
  fc.assert(fc.property(fc.constantFrom(...names), value, (name, { value, secret }) => {
    const json = redactedJson({ list: [{ [name]: value }], pair: { name, value } }, 4096);
    if (value === 0) assert.equal(json.includes(`"${name}":0`), false, json);
    else assertHidden(json, secret);
    assertHidden(redactedJson({ argv: [`--${name.replace(" ", "-")}`, secret] }, 4096), secret);
  }));
});

Deno.test("[audit.redaction] other text stays unchanged", () => {
  const args = {
    path: "/home/me/notes.txt",
    query: "SELECT id FROM users WHERE name = 'bo'",
    url: "https://example.com:8080/a?b=c#d",
    max_tokens: 4096,
    compass: "north",
    passes: "all",
    report: "pass: 12, bypass=no, signal=9",
    remote: "ssh://git@example.com/a.git",
    list: [1, 2.5, true, null, "é\u{1f600}", { nested: [] }],
    hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    __proto__2: "x",
  };
  assert.deepEqual(JSON.parse(redactedJson(args, 4096)), args);
});

Deno.test("[audit.redaction] long arguments are cut, and stay JSON", () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 6 }),
      fc.integer({ min: 200, max: 4096 }),
      (value, max) => {
        const json = redactedJson({ value, long: "é".repeat(5000), rest: [value, value] }, max);
        assert.ok(new TextEncoder().encode(json).length <= max, `${json.length} > ${max}`);
        JSON.parse(json);
      },
    ),
    { numRuns: 500 },
  );
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`n${n}`, n]));
  assert.ok(redactedJson(many, 4096).length <= 4096);
  assert.ok(redactedJson([..."x".repeat(10_000)], 4096).length <= 4096);
  let deep: unknown = 1;
  for (let level = 0; level < 5000; level++) deep = [deep];
  assert.ok(redactedJson(deep, 4096).length <= 4096);
  // A secret exactly where a long text is cut.
  for (const length of [4000, 4090, 16_350, 16_380]) {
    const secret = "Zx9".repeat(20);
    const json = redactedJson(
      `${"x ".repeat(length / 2)}Bearer ${secret}${" y".repeat(9000)}`,
      4096,
    );
    assertHidden(json, "Zx9Zx9");
  }
});

Deno.test("[audit.redaction] takes linear time, whatever the text", () => {
  const parts = ["eyJ", "-", "://a:", "password", 'password="', "-----BEGIN PRIVATE KEY", "\\", " "]
    .concat(
      "sk-",
      "--token ",
      "Bearer ",
      "SG.",
      "authorization:",
      "eyJaaaaaaaaaaaaaaaaa.",
      "-u ",
      "a",
    );
  const timeOf = (text: string): number => {
    const since = performance.now();
    redactText(text);
    return performance.now() - since;
  };
  for (const part of parts) {
    const text = part.repeat(Math.ceil(400_000 / part.length));
    timeOf(text.slice(0, 1000));
    const took = timeOf(text);
    // A quadratic pattern takes minutes.
    assert.ok(took < 3000, `${part}: ${took} ms`);
  }
});

Deno.test("[audit.redaction] many long texts that are cut short take no longer than a few", () => {
  const long = `eyJ${"a".repeat(20)}.${"-".repeat(16_000)}`;
  const bare = " ".concat("x".repeat(20_000));
  const since = performance.now();
  for (const text of [long, bare]) redactedJson(Array.from({ length: 2000 }, () => text), 4096);
  const tookMs = performance.now() - since;
  // Searching each of them completely takes ten times as long.
  assert.ok(tookMs < 500, `${tookMs} ms`);
});
