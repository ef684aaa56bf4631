import * as z from "zod/mini";
import {
  described,
  listOf,
  oneOf,
  recordOf,
  strict,
  text,
  textThat,
  wholeNumber,
  yesOrNo,
} from "./shapes.ts";

const maxMs = 2 ** 31 - 1;
const plain = (brief: string) =>
  textThat((value) => !value.includes("\0"), "a string without NUL", brief, "a string");

const oauth = strict({
  client_id: z.optional(text("A client registered by hand; otherwise the gateway registers one.")),
  client_secret: z.optional(text("Its secret; better as ${VAR}.")),
  scopes: z.optional(listOf(text("A scope."), "strings", "Scopes to ask for.")),
  redirect_port: z.optional(wholeNumber(1, 65535, "Port of the loopback redirect.")),
  grant: z._default(
    oneOf(["authorization_code", "client_credentials"], "How tokens are obtained."),
    "authorization_code",
  ),
}, "OAuth settings of a remote server.");

const gateway = strict({
  isolation: z._default(
    oneOf(
      ["shared", "session", "agent", "call"],
      "Which callers share one session: all, a client connection, an agent within one, or none.",
    ),
    "agent",
  ),
  idle_timeout_s: z._default(
    wholeNumber(0, Math.floor(maxMs / 1000), "An unused session is closed after these seconds."),
    300,
  ),
  connect_timeout_ms: z._default(
    wholeNumber(1, maxMs, "Milliseconds that a start may take."),
    30_000,
  ),
  call_timeout_ms: z._default(
    wholeNumber(1, maxMs, "Milliseconds that a call may take without progress."),
    60_000,
  ),
  max_call_ms: z._default(
    wholeNumber(1, maxMs, "Milliseconds after which every call ends, progress or not."),
    600_000,
  ),
  max_concurrency: z._default(
    wholeNumber(1, 1_000_000, "Calls in flight per session; more wait in line."),
    64,
  ),
  forward: z._default(
    listOf(
      oneOf(["elicitation", "roots", "sampling"], "A kind of request."),
      'any of "elicitation", "roots", "sampling"',
      "Which requests of the server reach the client.",
    ),
    ["elicitation", "roots"],
  ),
  inherit_env: z._default(
    listOf(
      textThat((name) => /^[^=\0]+$/.test(name), "the name of a variable", "A variable's name."),
      "names of variables",
      "Variables of the gateway that the process gets besides the safe ones.",
    ),
    [],
  ),
  oauth: z.optional(oauth),
}, "What the gateway does with this server; other MCP clients ignore it.");

const transports = ["stdio", "http", "streamable-http", "streamableHttp", "sse"] as const;

// Keys of other clients live in an entry too; they are kept and ignored.
const fields = {
  description: z.optional(text("What the server is for; agents read it.")),
  disabled: z.optional(yesOrNo("Treats the server as if it were not here.")),
  command: z.optional(
    textThat(
      (value) => value.trim() !== "" && !value.includes("\0"),
      "the name or path of a program",
      "The program to start.",
    ),
  ),
  args: z.optional(listOf(plain("An argument."), "strings", "Arguments of the program.")),
  env: z.optional(
    recordOf(plain("A value."), "strings", "Variables for the program, as values or ${VAR}."),
  ),
  cwd: z.optional(plain("Working folder of the program.")),
  url: z.optional(text("Address of a remote server.")),
  headers: z.optional(
    recordOf(text("A value."), "strings", "Headers of every request; secrets better as ${VAR}."),
  ),
  type: z.optional(oneOf(transports, "How to talk to the server.")),
  transport: z.optional(oneOf(transports, "The same as `type`.")),
  gateway: z.prefault(gateway, {}),
};

const entry = described(
  z.looseObject(fields, "an object"),
  "A server: `command` to start one, `url` to call one.",
);

/** The schema of the servers file. */
export const serversSchema = described(
  z.looseObject({
    $schema: z.optional(text("Where the JSON Schema of this file is.")),
    mcpServers: recordOf(entry, "servers", "The servers, by name."),
  }, "an object"),
  "The servers behind the gateway.",
);

/** A checked servers file; names are encoded by `encodeKey`. */
export type ServersFile = z.infer<typeof serversSchema>;

/** A checked entry of the servers file. */
export type ServerEntry = ServersFile["mcpServers"][string];
