import assert from "node:assert/strict";
import { auditUri } from "../../../src/gateway/offered/audit_uri.ts";

const URIS: readonly (readonly [uri: string, recorded: string])[] = [
  ["file:///a/b c.txt", "file:///a/b c.txt"],
  ["note://5?token=secret", "note://5"],
  ["note://5#access_token=secret", "note://5"],
  ["https://user:secret@host:8443/a?b#c", "https://host:8443/a"],
  ["db://secret@host/a@b", "db://host/a@b"],
  ["https:/user:secret@host/a", "https://host/a"],
  ["htt\tps://user:secret@host/a", "https://host/a"],
  ["https:\\\\user:secret@host\\a", "https://host/a"],
  ["x://user:secret@host:no-port/a", "x://host:no-port/a"],
  ["//user:secret@host/a?b", "//host/a"],
  ["x://a@b:secret@host:no-port", "x://host:no-port"],
  ["jdbc:postgresql://user:secret@host/db", "jdbc:postgresql://host/db"],
  ["fetch://https://user:secret@host/a", "fetch://https://host/a"],
  ["https://user:secret@host/https://other:secret@host/a", "https://host/https://host/a"],
  ["postgres://user:sec/ret@db/x", "postgres://(hidden)@db/x"],
  ["postgres://user:sec#ret@db/x", "postgres://(hidden)@db/x"],
  ["postgres://user:sec?ret@db/x?token=secret", "postgres://(hidden)@db/x"],
  ["jdbc:postgresql://user:sec/ret@host/db", "jdbc:postgresql://(hidden)@host/db"],
  ["note://5?next=x://user:sec/ret@host", "note://5"],
  ["npm://registry:4873/@scope/a@1", "npm://registry:4873/@scope/a@1"],
  ["mailto:someone@host", "mailto:someone@host"],
  [`x://user:secret${"x".repeat(4096)}@host/a`, "(too long)"],
  ["no uri", "no uri"],
  ["", ""],
];

Deno.test("[offered.audit] a URI in the records has no userinfo, query and fragment", () => {
  for (const [uri, recorded] of URIS) assert.equal(auditUri(uri), recorded, uri);
});
