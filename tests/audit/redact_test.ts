import assert from "node:assert/strict";
import fc from "fast-check";
import { redactJson } from "../../src/audit/mod.ts";
import { redactProbableSecrets } from "../../src/redact.ts";
import { cpuMs } from "../cpu_time.ts";

const ALPHANUMERICS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".split("");
const alphanumericText = (minLength: number, maxLength: number) => {
  return fc.string({ unit: fc.constantFrom(...ALPHANUMERICS), minLength, maxLength });
};

/** A text that contains a secret, and the part of it that must be hidden. */
interface SecretInText {
  readonly text: string;
  readonly secret: string;
}

const KEY_PREFIXES = [
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

const secretKinds: readonly fc.Arbitrary<SecretInText>[] = [
  alphanumericText(32, 60).map((secret) => ({ text: `Bearer ${secret}`, secret })),
  alphanumericText(12, 60).map((secret) => ({ text: `Authorization: Basic ${secret}==`, secret })),
  fc.tuple(fc.constantFrom(...KEY_PREFIXES), alphanumericText(30, 50)).map(([prefix, secret]) => {
    return { text: `${prefix}${secret}`, secret };
  }),
  fc.string({ unit: fc.constantFrom(..."ABCDEFGHIJ0123".split("")), minLength: 16, maxLength: 16 })
    .map((secret) => ({ text: `AKIA${secret}`, secret })),
  fc.tuple(alphanumericText(20, 40), alphanumericText(40, 80), alphanumericText(43, 43)).map(
    ([head, body, secret]) => {
      return { text: `eyJ${head}.eyJ${body}.${secret}`, secret };
    },
  ),
  alphanumericText(200, 400).map((secret) => {
    const lines = `${secret.slice(0, 64)}\n${secret}`;
    const label = "RSA PRIVATE KEY";
    return { text: `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----`, secret };
  }),
  alphanumericText(200, 400).map((secret) => {
    return { text: `-----BEGIN PRIVATE KEY-----\\n${secret}`, secret };
  }),
  fc.tuple(alphanumericText(1, 10), alphanumericText(8, 30)).map(([user, secret]) => {
    return { text: `postgres://${user}:${secret}@db.example.com:5432/app`, secret };
  }),
  alphanumericText(20, 40).map((secret) => ({
    text: `https://${secret}@example.com/repo.git`,
    secret,
  })),
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
    alphanumericText(8, 30),
  ).map(([name, separator, secret]) => ({ text: `${name}${separator}${secret}`, secret })),
  alphanumericText(8, 30).map((secret) => ({ text: `mysql --password ${secret}`, secret })),
  alphanumericText(8, 30).map((secret) => ({
    text: `Cookie: theme=dark; session=${secret}`,
    secret,
  })),
  alphanumericText(8, 30).map((secret) => ({
    text: `curl -u me:${secret} https://example.com`,
    secret,
  })),
  fc.tuple(fc.constantFrom("token", "sig", "X-Amz-Signature"), alphanumericText(8, 30)).map(
    ([name, secret]) => ({ text: `https://x.example/?q=1&${name}=${secret}&z=2`, secret }),
  ),
];
const anySecret = fc.oneof(...secretKinds);
const anyText = fc.string({
  unit: fc.constantFrom("a", "é", " ", "\n", ".", '"', "{", "1", "\u{1f600}"),
});

/** Generates nested values that contain a text; some of them are JSON in a string. */
function nestedValue(text: string): fc.Arbitrary<unknown> {
  const wrap = fc.constantFrom<(value: unknown) => unknown>(
    (value) => [1, value, null],
    (value) => ({ note: value, more: true }),
    (value) => [["x", { deep: value }]],
    (value) => JSON.stringify({ inner: value }),
    (value) => ({ [typeof value === "string" ? value : "key"]: value }),
  );
  return fc.array(wrap, { maxLength: 6 }).map((wrappers) => {
    return wrappers.reduce((value: unknown, wrap) => wrap(value), text);
  });
}

function redactedValue(value: unknown, maxBytes: number): string {
  return redactJson(JSON.stringify(value), maxBytes);
}

/** Asserts that a text is valid JSON without a secret. */
function assertHidden(json: string, secret: string): void {
  JSON.parse(json);
  assert.equal(json.includes(secret), false, json);
}

Deno.test("[audit.redaction] secrets are removed at any depth of a value", () => {
  const valueWithSecret = fc.tuple(anySecret, anyText, anyText).chain(
    ([{ text, secret }, textBefore, textAfter]) => {
      return nestedValue(`${textBefore} ${text}\n${textAfter}`).map((value) => ({ value, secret }));
    },
  );
  fc.assert(
    fc.property(valueWithSecret, ({ value, secret }) => {
      assertHidden(redactedValue(value, 4096), secret);
    }),
    { numRuns: 1500 },
  );
});

Deno.test("[audit.redaction] the value of a member with a secret's name is hidden, whatever its type", () => {
  const names = ["password", "dbPassword", "PASSWD", "passphrase", "secret", "client_secret"]
    .concat("token", "accessToken", "api key", "apiKey", "X-API-Key", "Authorization", "cookie")
    .concat("Set-Cookie", "credentials", "private_key", "sessionId", "pin", "auth", "jwt")
    .concat("pass", "dbPass", "SMTP_PASS");
  const value = alphanumericText(6, 20).chain((secret) => {
    const values = [secret, [secret], { a: { b: secret } }, `x ${secret} y`, 0];
    return fc.constantFrom(...values).map((value) => ({ value, secret }));
  });
  fc.assert(fc.property(fc.constantFrom(...names), value, (name, { value, secret }) => {
    const json = redactedValue({ list: [{ [name]: value }], pair: { name, value } }, 4096);
    if (value === 0) assert.equal(json.includes(`"${name}":0`), false, json);
    else assertHidden(json, secret);
    assertHidden(redactedValue({ argv: [`--${name.replace(" ", "-")}`, secret] }, 4096), secret);
  }));
});

Deno.test("[audit.redaction] text without secrets stays unchanged", () => {
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
  assert.deepEqual(JSON.parse(redactedValue(args, 4096)), args);
});

Deno.test("[audit.redaction] numbers keep all of their digits, and a key twice in JSON in a string keeps both values", () => {
  const json = '{ "id": 12345678901234567891, "list": [1e400, -0, 1.10], "max_tokens": 1E2 }';
  assert.equal(
    redactJson(json, 4096),
    '{"id":12345678901234567891,"list":[1e400,-0,1.10],"max_tokens":1E2}',
  );
  assert.equal(
    redactJson(JSON.stringify({ text: '{"a":1e400,"a":[2],"password":3}' }), 4096),
    JSON.stringify({ text: '{"a":1e400,"a 2":[2],"password":"[redacted]"}' }),
  );
  assert.equal(redactJson(`[${"9".repeat(5000)}]`, 100).length < 100, true);
});

Deno.test("[audit.redaction] a value is hidden beside the name of a secret, also where the name follows it", () => {
  assert.equal(
    redactJson('{"value":"xyz","n":1,"name":"\\u0041uthorization"}', 4096),
    '{"value":"[redacted]","n":1,"name":"Authorization"}',
  );
  const long = JSON.stringify({ value: "xyz", list: [..."x".repeat(5000)], name: "Authorization" });
  assertHidden(redactJson(long, 4096), "xyz");
  assert.equal(redactJson('{"value":"xyz","name":"a"}', 4096), '{"value":"xyz","name":"a"}');
});

Deno.test("[audit.redaction] long arguments are cut, and stay JSON", () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 6 }),
      fc.integer({ min: 200, max: 4096 }),
      (value, maxBytes) => {
        const json = redactedValue(
          { value, long: "é".repeat(5000), list: [value, value] },
          maxBytes,
        );
        assert.ok(
          new TextEncoder().encode(json).length <= maxBytes,
          `${json.length} > ${maxBytes}`,
        );
        JSON.parse(json);
      },
    ),
    { numRuns: 500 },
  );
  const manyMembers = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`n${index}`, index]),
  );
  assert.ok(redactedValue(manyMembers, 4096).length <= 4096);
  assert.ok(redactedValue([..."x".repeat(10_000)], 4096).length <= 4096);
  let deepArray: unknown = 1;
  for (let level = 0; level < 5000; level++) deepArray = [deepArray];
  assert.ok(redactedValue(deepArray, 4096).length <= 4096);
  // The text is cut near the secret or within it.
  for (const length of [4000, 4090, 16_350, 16_380]) {
    const secret = "Zx9".repeat(20);
    const json = redactedValue(
      `${"x ".repeat(length / 2)}Bearer ${secret}${" y".repeat(9000)}`,
      4096,
    );
    assertHidden(json, "Zx9Zx9");
  }
});

Deno.test("[audit.redaction] redaction takes linear time for any text", () => {
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
  const measureMs = (text: string): number => {
    const startMs = cpuMs();
    redactProbableSecrets(text);
    return cpuMs() - startMs;
  };
  for (const part of parts) {
    const text = part.repeat(Math.ceil(400_000 / part.length));
    measureMs(text.slice(0, 1000));
    const durationMs = measureMs(text);
    // A quadratic pattern takes minutes.
    assert.ok(durationMs < 3000, `${part}: ${durationMs} ms`);
  }
});

Deno.test("[audit.redaction] thousands of long texts are redacted within 500 ms, because only the first of them are read", () => {
  const longJwt = `eyJ${"a".repeat(20)}.${"-".repeat(16_000)}`;
  const longWord = " ".concat("x".repeat(20_000));
  const jsons = [longJwt, longWord].map((text) => {
    return JSON.stringify(Array.from({ length: 2000 }, () => text));
  });
  const startMs = cpuMs();
  for (const json of jsons) redactJson(json, 4096);
  const durationMs = cpuMs() - startMs;
  // Redacting every text would take ten times as long.
  assert.ok(durationMs < 500, `${durationMs} ms`);
});
