import assert from "node:assert/strict";
import { auditLine } from "../../src/audit/mod.ts";
import { createAuditEntry } from "./audit_log_fixtures.ts";

Deno.test("[audit.fields] a line has the URI of a resource and the name of a prompt, escaped and cut", () => {
  const read = createAuditEntry({ operation: "resources/read", server: "docs", uri: "docs://a\n" });
  assert.match(auditLine(read), /"tool":"read","uri":"docs:\/\/a\\n",/);
  assert.equal(JSON.parse(auditLine(read)).prompt, undefined);
  const long = `docs://${"a".repeat(5_000)}`;
  const get = createAuditEntry({ operation: "prompts/get", prompt: "sum\u202e", uri: long });
  const { uri, prompt } = JSON.parse(auditLine(get));
  assert.equal(uri, long.slice(0, 256));
  assert.equal(prompt, "sum\u202e");
  assert.match(auditLine(get), /"prompt":"sum\\u202e"/);
});

Deno.test("[interaction.audit] a line has the rounds of an operation and how long it waited for its client", () => {
  const asked = createAuditEntry({ latency_ms: 5000.5, rounds: 2, waited_ms: 4000.12345 });
  assert.match(auditLine(asked), /"latency_ms":5000\.5,.*"rounds":2,"waited_ms":4000\.123,/);
  assert.doesNotMatch(auditLine(createAuditEntry({})), /rounds|waited_ms/);
});
