/** Writes entries to an audit log. Arguments: PATH FALLBACK NAME COUNT MAX_BYTES. */
import { AuditTrail } from "../../src/audit/mod.ts";
import { appendAndWait, createAuditEntry, createRecordingLog } from "./audit_log_fixtures.ts";

const [path = "", fallbackPath = "", name = "", count = "0", maxBytes = "0"] = Deno.args;
const audit = new AuditTrail({
  path,
  fallbackPath,
  log: createRecordingLog(),
  ...(maxBytes === "0" ? {} : { maxBytes: Number(maxBytes), maxFiles: 200 }),
});
for (let number = 0; number < Number(count); number++) {
  await appendAndWait(audit, createAuditEntry({ agent_id: name, request_id: number }));
  if (number % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
}
const { failures } = audit.status();
audit.close();
Deno.stdout.writeSync(
  new TextEncoder().encode(JSON.stringify({ failures, dropped: audit.status().dropped })),
);
