import { textAt } from "../jsonrpc/mod.ts";
import { fieldsOf } from "../json.ts";
import type { AccessRequest, Effect } from "../policy/mod.ts";
import type { EntryLine } from "./audit_files.ts";
import type { AuditTrailFiles } from "./audit_trail_files.ts";

/** The access that an operation needed, without the arguments of a call. */
export type RecordedAccess = Exclude<AccessRequest, { readonly kind: "tool" }> | {
  readonly kind: "tool";
  readonly server: string;
  readonly tool: string;
};

/** An operation of the audit log about which rules have decided. */
export interface RecordedOperation {
  readonly agent: string;
  readonly access: RecordedAccess;
  /** Whether the log may have only the beginning of a name or a URI. */
  readonly isNameCut: boolean;
  /**
   * Whether the operation was let through, was denied, or needed a person's approval. In shadow mode, an operation that
   * the rules deny was let through, and one that needs approval still counts as such.
   */
  readonly effect: Effect;
  /** Whether the operation was let through. */
  readonly isLetThrough: boolean;
  /** Whether a person would have been asked, if the agent had not been in shadow mode. */
  readonly isUnasked: boolean;
  /** When the entry was written, in milliseconds since 1970. */
  readonly time: number;
  /** The arguments without secrets, as JSON text; absent if the log does not have them. */
  readonly args?: string;
  /** Size of the arguments as they were sent, in bytes; absent if it is not known. */
  readonly argsBytes?: number;
}

/** Maximum number of ended calls that are remembered until their beginnings are read. */
const MAX_ENDED = 100_000;

/** Length from which a name in the log may have been cut, in UTF-16 code units. */
const CUT_NAME_LENGTH = 255;

/** The same for the names of a server that is not configured and of its tool. */
const CUT_UNKNOWN_LENGTH = 63;

/** Codes of denials that rules have not decided. */
const OTHER_DENIALS: ReadonlySet<string> = new Set(["TOOL_CHANGED", "RATE_LIMITED"]);

/** Options of `readOperations`. */
export interface RecordedOptions {
  /** Only operations since this time, in milliseconds since 1970. */
  readonly since: number;
  /** Only operations of this agent; default: all agents. */
  readonly agent?: string | undefined;
  /** Whether a server is configured. */
  readonly isConfigured: (server: string) => boolean;
}

/** Reads the operations of a log, the newest first; yields `undefined` for one about which no rule has decided. */
export function* readOperations(
  files: AuditTrailFiles,
  { since, agent, isConfigured }: RecordedOptions,
): Generator<RecordedOperation | undefined> {
  // Ids of calls whose end was read, but whose beginning, which is older, was not.
  const endedCallIds = new Set<string>();
  for (const line of files.entries({ since })) {
    const { entry } = line;
    if (entry.phase === "ended" && endedCallIds.size < MAX_ENDED) endedCallIds.add(entry.callId);
    // A call that has begun and has no end in the log was let through.
    if (entry.phase === "begun" && endedCallIds.delete(entry.callId)) continue;
    const isSelected = entry.time >= since && (agent === undefined || entry.agent === agent);
    if (isSelected) yield readOperation(line, isConfigured);
  }
}

function readOperation(
  { entry, text }: EntryLine,
  isConfigured: RecordedOptions["isConfigured"],
): RecordedOperation | undefined {
  const { agent, server, tool, uri, prompt, rule, code, decision, time } = entry;
  if (rule === "" || agent === "" || (decision === "DENY" && OTHER_DENIALS.has(code))) {
    return undefined;
  }
  const access = readAccess(entry);
  if (access === undefined) return undefined;
  const isKnownServer = server === "" || isConfigured(server);
  // The operation named something that does not exist, for example because of a typing error.
  if (decision === "ERROR" && (!isKnownServer || code.endsWith("_NOT_FOUND"))) return undefined;
  const fields = fieldsOf(JSON.parse(text));
  const isUnasked = fields["shadow"] === "ASK";
  const needsApproval = isUnasked || code === "APPROVAL_REQUIRED" ||
    fields["approval"] !== undefined;
  const args = textAt(text, "args");
  const argsBytes = fields["args_bytes"];
  const maxLength = isKnownServer ? CUT_NAME_LENGTH : CUT_UNKNOWN_LENGTH;
  return {
    agent,
    access,
    isNameCut: fields["uri_cut"] === true ||
      [server, tool, uri, prompt].some((name) => name.length >= maxLength),
    effect: needsApproval ? "ask" : decision === "DENY" ? "deny" : "allow",
    isLetThrough: decision !== "DENY",
    isUnasked,
    time,
    ...(args !== undefined && { args }),
    ...(typeof argsBytes === "number" && { argsBytes }),
  };
}

function readAccess(
  { server, tool, uri, prompt, rule }: EntryLine["entry"],
): RecordedAccess | undefined {
  if (server === "") return /[.\]]status$/.test(rule) ? { kind: "status" } : undefined;
  if (tool !== "") return { kind: "tool", server, tool };
  if (uri !== "") return { kind: "resource", server, uri };
  return prompt === "" ? { kind: "server", server } : { kind: "prompt", server, prompt };
}
