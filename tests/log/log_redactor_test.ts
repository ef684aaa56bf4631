import assert from "node:assert/strict";
import { LogRedactor } from "../../src/cli/log_redactor.ts";
import type { Configuration, ServerConfig } from "../../src/config/mod.ts";

function createConfiguration(...secrets: string[]): Configuration {
  const server = { secrets } as unknown as ServerConfig;
  return { servers: new Map([["a", server]]) } as unknown as Configuration;
}

Deno.test("[log.redacted] the secrets of the current and of earlier configurations are redacted, a home folder is not", () => {
  const redactor = new LogRedactor(["/home/user"]);
  redactor.add(createConfiguration("quite-a-value", "/home/user"));
  redactor.add(createConfiguration("another-value"));
  assert.equal(
    redactor.redact("quite-a-value and another-value in /home/user/x"),
    "[redacted] and [redacted] in /home/user/x",
  );
});

Deno.test("[log.redacted] text that looks like a secret is redacted", () => {
  const { redact } = new LogRedactor([]);
  const key = `sk-${"a1b2".repeat(8)}`;
  for (
    const [text, secret] of [
      ["Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"],
      ["postgres://me:hunter2@host/db", "hunter2"],
      [`the key is ${key}.`, key],
      ['{"password":"hunter2"}', "hunter2"],
      ["line one\nAPI_TOKEN=hunter2\nline three", "hunter2"],
    ] as const
  ) {
    assert.equal(redact(text).includes(secret), false, redact(text));
  }
});

Deno.test("[log.redacted] an error about a key with the name of a secret stays readable, but a password in its URL is redacted", () => {
  const { redact } = new LogRedactor([]);
  const errors = [
    "The changed configuration is not used:",
    "/etc/mcp.json:3:14: mcpServers.pg.env.DB_PASSWORD: must be a string",
    "/etc/rules.json:9:2: agents.a.token_sha256: must be 64 digits",
  ].join("\n");
  assert.equal(redact(errors), errors);
  const errorWithUrl = "/etc/mcp.json:3:14: mcpServers.pg.url: cannot be http://me:hunter2@host/";
  assert.equal(redact(errorWithUrl), errorWithUrl.replace("hunter2", "[redacted]"));
});
