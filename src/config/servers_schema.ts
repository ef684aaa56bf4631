import type { Read } from "./shape.ts";
import {
  listOf,
  loose,
  oneOf,
  optional,
  recordOf,
  strict,
  text,
  textThat,
  wholeNumber,
  withDefault,
  yesOrNo,
} from "./shapes.ts";

const maxMs = 2 ** 31 - 1;
const plain = (brief: string) =>
  textThat((value) => !value.includes("\0"), "a string without NUL", brief, "a string");

const oauth = strict({
  client_id: optional(text("A client registered by hand; otherwise the gateway registers one.")),
  client_secret: optional(text("Its secret; better as ${VAR}.")),
  scopes: optional(listOf(text("A scope."), "strings", "Scopes to ask for.")),
  redirect_port: optional(wholeNumber(1, 65535, "Port of the loopback redirect.")),
  grant: withDefault(
    oneOf(["authorization_code", "client_credentials"], "How tokens are obtained."),
    "authorization_code",
  ),
}, "OAuth settings of a remote server.");

const gateway = strict({
  isolation: withDefault(
    oneOf(
      ["shared", "session", "agent", "call"],
      "Which callers share one session: all, a client connection, an agent within one, or none.",
    ),
    "agent",
  ),
  idle_timeout_s: withDefault(
    wholeNumber(0, Math.floor(maxMs / 1000), "An unused session is closed after these seconds."),
    300,
  ),
  connect_timeout_ms: withDefault(
    wholeNumber(1, maxMs, "Milliseconds that a start may take."),
    30_000,
  ),
  call_timeout_ms: withDefault(
    wholeNumber(1, maxMs, "Milliseconds that a call may take without progress."),
    60_000,
  ),
  max_call_ms: withDefault(
    wholeNumber(1, maxMs, "Milliseconds after which every call ends, progress or not."),
    600_000,
  ),
  max_concurrency: withDefault(
    wholeNumber(1, 1_000_000, "Calls in flight per session; more wait in line."),
    64,
  ),
  forward: withDefault(
    listOf(
      oneOf(["elicitation", "roots", "sampling"], "A kind of request."),
      'any of "elicitation", "roots", "sampling"',
      "Which requests of the server reach the client.",
    ),
    ["elicitation", "roots"],
  ),
  inherit_env: withDefault(
    listOf(
      textThat((name) => /^[^=\0]+$/.test(name), "the name of a variable", "A variable's name."),
      "names of variables",
      "Variables of the gateway that the process gets besides the safe ones.",
    ),
    [],
  ),
  oauth: optional(oauth),
}, "What the gateway does with this server; other MCP clients ignore it.");

const transports = ["stdio", "http", "streamable-http", "streamableHttp", "sse"] as const;

// Keys of other clients live in an entry too; they are ignored.
const entry = loose({
  description: optional(text("What the server is for; agents read it.")),
  disabled: optional(yesOrNo("Treats the server as if it were not here.")),
  command: optional(
    textThat(
      (value) => value.trim() !== "" && !value.includes("\0"),
      "the name or path of a program",
      "The program to start.",
    ),
  ),
  args: optional(listOf(plain("An argument."), "strings", "Arguments of the program.")),
  env: optional(
    recordOf(plain("A value."), "strings", "Variables for the program, as values or ${VAR}."),
  ),
  cwd: optional(plain("Working folder of the program.")),
  url: optional(text("Address of a remote server.")),
  headers: optional(
    recordOf(text("A value."), "strings", "Headers of every request; secrets better as ${VAR}."),
  ),
  type: optional(oneOf(transports, "How to talk to the server.")),
  transport: optional(oneOf(transports, "The same as `type`.")),
  gateway: withDefault(gateway, {}),
}, "A server: `command` to start one, `url` to call one.");

/** The keys of an entry that mean something to the gateway. */
export const entryKeys: readonly string[] = entry.keys;

/** The keys under `gateway`. */
export const gatewayKeys: readonly string[] = gateway.keys;

/** The schema of the servers file. */
export const serversSchema = loose({
  $schema: optional(text("Where the JSON Schema of this file is.")),
  mcpServers: recordOf(entry, "servers", "The servers, by name."),
}, "The servers behind the gateway.");

/** A checked servers file; names are encoded by `encodeKey`. */
export type ServersFile = Read<typeof serversSchema>;

/** A checked entry of the servers file. */
export type ServerEntry = ServersFile["mcpServers"][string];
