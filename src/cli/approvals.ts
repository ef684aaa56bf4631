import {
  type ApprovalRequest,
  cleanApprovalId,
  formatArguments,
  formatName,
  isDenied,
  Mailbox,
  MAILBOX_POLL_MS,
  type MailboxEntry,
  MailboxError,
  MIN_APPROVAL_ID_LENGTH,
} from "../approvals/mod.ts";
import { getApprovalsFolder } from "../config/mod.ts";
import { escapeControls } from "../text.ts";
import {
  argument,
  defineCommand,
  defineGroup,
  JSON_FLAG,
  type Output,
  switchFlag,
  textFlag,
} from "./command.ts";
import { CommandError } from "./error_report.ts";
import { jsonOutput } from "./terminal.ts";

const ID = argument("The id of the request, or at least its first 5 characters", {
  placeholder: "id",
  proposeCompletions: async (partial) => {
    return (await readRequests()).filter(({ entry }) => entry.state === "pending")
      .map(({ entry: { id } }) => id).filter((id) => id.startsWith(partial));
  },
});

const list = defineCommand({
  about:
    "Lists the calls of agents that wait for your approval, with their arguments in full, and " +
    "those that are decided but were not made yet. It needs no configuration: all gateways of " +
    "your user share the requests.",
  example: "agent-mcp-gateway approvals --watch",
  flags: {
    watch: switchFlag("Keep printing each new request until Ctrl-C"),
    json: JSON_FLAG,
  },
  async run({ flags: { watch, json }, stdout, stderr }) {
    if (watch) return await watchRequests({ json, stdout });
    const requests = await readRequests();
    if (json) stdout.write(jsonOutput(`[${requests.map(requestJson).join(",")}]`));
    else {
      stdout.write(requests.map(requestText).join("\n"));
      stderr.write(
        requests.length === 0
          ? "No call waits for your approval\n"
          : "Decide with: agent-mcp-gateway approvals allow ID, or: " +
            "agent-mcp-gateway approvals deny ID --reason TEXT\n",
      );
    }
    return 0;
  },
});

const allow = defineCommand({
  about: "Allows the call of a request once or, with --session, its tool for the rest of the " +
    "agent's connection. A call that still waits runs immediately; otherwise the agent has to make the same " +
    "call again before the approval expires.",
  example: "agent-mcp-gateway approvals allow k7mq2x9d",
  flags: {
    session: switchFlag("Allow the tool to this agent until its client disconnects"),
  },
  args: [ID],
  async run({ flags: { session }, args: [id], stdout }) {
    const mailbox = openMailbox();
    const { entry, request } = await findRequest(id, mailbox);
    if (session && request.connection === undefined) {
      throw new CommandError(
        "The client of this call has no connection that lasts, so the call can be allowed only " +
          "once: leave out --session",
      );
    }
    const allowedEntry = await runDecision(() => mailbox.allow(entry, { forSession: session }));
    if (allowedEntry === undefined) throw new CommandError(describeEarlierDecision(entry, mailbox));
    const extent = session ? "Allowed for the session" : "Allowed once";
    stdout.write(
      `${extent}: ${describeCall(request)}\n` +
        `If the call no longer waits, the agent can make it again until ${
          formatTime(allowedEntry.expiresAt)
        }\n`,
    );
    return 0;
  },
});

const deny = defineCommand({
  about:
    "Denies the call of a request, even if it was allowed before but not made yet. The agent " +
    "receives the reason, and the same call is denied until the denial expires.",
  example: `agent-mcp-gateway approvals deny k7mq2x9d --reason "Write into /srv/notes instead"`,
  flags: { reason: textFlag("The reason, which the agent receives") },
  args: [ID],
  async run({ flags: { reason }, args: [id], stdout }) {
    const mailbox = openMailbox();
    const { entry, request } = await findRequest(id, mailbox);
    const deniedEntry = await runDecision(() => mailbox.deny(entry, { by: "shell", reason }));
    if (deniedEntry === undefined) throw new CommandError(describeEarlierDecision(entry, mailbox));
    stdout.write(`Denied until ${formatTime(deniedEntry.expiresAt)}: ${describeCall(request)}\n`);
    return 0;
  },
});

/** `approvals`, `approvals allow` and `approvals deny`. */
export const command = defineGroup({
  list: { brief: "List the calls that wait; the default", command: list },
  allow: { brief: "Allow a call", command: allow },
  deny: { brief: "Deny a call", command: deny },
}, { defaultCommand: "list" });

/** A request, and its entry in the mailbox. */
interface ListedRequest {
  readonly entry: MailboxEntry;
  readonly request: ApprovalRequest;
  readonly reason: string | undefined;
}

function openMailbox(): Mailbox {
  return new Mailbox(getApprovalsFolder(Deno.env));
}

/** Reads all requests; leaves out those whose files are damaged. */
async function readRequests(): Promise<ListedRequest[]> {
  const mailbox = openMailbox();
  return await readEntries(listEntries(mailbox), mailbox);
}

async function readEntries(
  entries: readonly MailboxEntry[],
  mailbox: Mailbox,
): Promise<ListedRequest[]> {
  const requests: ListedRequest[] = [];
  for (const entry of entries) {
    const request = await mailbox.read(entry);
    if (request === undefined) continue;
    const reason = isDenied(entry) ? mailbox.readReason(entry) : undefined;
    requests.push({ entry, request, reason });
  }
  return requests;
}

/** @throws {CommandError} if the mailbox cannot be used. */
function listEntries(mailbox: Mailbox): MailboxEntry[] {
  try {
    return mailbox.list();
  } catch (error) {
    throw explainUnusable("Approvals cannot be read", error);
  }
}

/** @throws {CommandError} if the mailbox cannot be used. */
async function runDecision<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw explainUnusable("Nothing was decided", error);
  }
}

/** Turns an error of the mailbox into one for the person; returns all other errors unchanged. */
function explainUnusable(effect: string, error: unknown): unknown {
  return error instanceof MailboxError
    ? new CommandError(`${effect}: ${error.message}`, { cause: error })
    : error;
}

/** Prints the requests that wait, and then each new one, until a write shows that the reader has closed the output. */
async function watchRequests(
  { json, stdout }: { readonly json: boolean; readonly stdout: Output },
): Promise<number> {
  const mailbox = openMailbox();
  let printedIds = new Set<string>();
  while (stdout.isClosed !== true) {
    const pendingEntries = listEntries(mailbox).filter(({ state }) => state === "pending");
    // Only new requests are read: reading many long ones at each poll would keep a processor busy.
    const newEntries = pendingEntries.filter(({ id }) => !printedIds.has(id));
    for (const listed of await readEntries(newEntries, mailbox)) {
      stdout.write(json ? jsonOutput(requestJson(listed)) : `${requestText(listed)}\n`);
    }
    printedIds = new Set(pendingEntries.map(({ id }) => id));
    await new Promise((resolve) => setTimeout(resolve, MAILBOX_POLL_MS));
  }
  return 0;
}

/** @throws {CommandError} if no request has the id, or several begin with it, or it is too short. */
async function findRequest(typedId: string, mailbox: Mailbox): Promise<ListedRequest> {
  const id = cleanApprovalId(typedId);
  if (id.length < MIN_APPROVAL_ID_LENGTH) {
    throw new CommandError(
      `${JSON.stringify(typedId)} is too short: give the whole id, or at least its first ` +
        `${MIN_APPROVAL_ID_LENGTH} characters. agent-mcp-gateway approvals lists the requests`,
    );
  }
  const entries = listEntries(mailbox).filter((entry) => entry.id.startsWith(id));
  const matchingRequests = await readEntries(entries, mailbox);
  const [found, other] = matchingRequests;
  if (found === undefined) {
    throw new CommandError(
      `No request has the id ${JSON.stringify(typedId)}: it has expired, its call was made or ` +
        "cancelled, or it never existed. agent-mcp-gateway approvals lists the requests",
    );
  }
  if (other === undefined) return found;
  const ids = matchingRequests.map(({ entry }) => entry.id).join(", ");
  throw new CommandError(`Several ids begin with ${JSON.stringify(typedId)}: ${ids}`);
}

/** Describes why a request could not be decided. */
function describeEarlierDecision({ id }: MailboxEntry, mailbox: Mailbox): string {
  const entry = listEntries(mailbox).find((listed) => listed.id === id);
  if (entry === undefined) {
    return `The request ${id} has expired, or its call was made or cancelled`;
  }
  return isDenied(entry)
    ? `The call of ${id} was denied before, and stays denied until ${
      formatTime(entry.expiresAt)
    }; the agent can make it again then`
    : `The call of ${id} was allowed before`;
}

function describeCall({ agent, server, tool }: ApprovalRequest): string {
  return `agent ${formatName(agent)}, tool ${formatName(tool)} of server ${formatName(server)}`;
}

function requestText({ entry, request, reason }: ListedRequest): string {
  const { id, state, expiresAt } = entry;
  const stateText = {
    pending: "waits",
    allowed: "was allowed",
    session: "was allowed for the session",
    denied: "was denied",
    declined: "was denied in the client",
  }[state];
  const reasonText = reason === undefined ? "" : ` (${escapeControls(reason)})`;
  const args = formatArguments(request.args).replace(/^/gm, "  ");
  return `${id} ${stateText}${reasonText}, expires at ${formatTime(expiresAt)}\n` +
    `  ${describeCall(request)}\n${args}\n`;
}

function requestJson({ entry, request, reason }: ListedRequest): string {
  const { id, state, expiresAt } = entry;
  const { agent, server, tool, args, rule, createdAt, connection } = request;
  const members = {
    approval_id: id,
    state: state === "session" ? "allowed_for_session" : isDenied(entry) ? "denied" : state,
    agent,
    server,
    tool,
    rule,
    created: new Date(createdAt).toISOString(),
    expires: new Date(expiresAt).toISOString(),
    can_allow_session: connection !== undefined,
    ...(reason !== undefined && { reason }),
  };
  // The text of the arguments, because parsing would round large numbers. Line feeds in it are only between tokens.
  return `${JSON.stringify(members).slice(0, -1)},"args":${args.replace(/[\r\n]+/g, " ")}}`;
}

/** Formats the time of day in the person's time zone. */
function formatTime(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB");
}
