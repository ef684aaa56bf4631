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
  textThat((value) => !value.includes("\0"), {
    expected: "a string without NUL",
    brief,
    kind: "a string",
  });

const oauth = strict({
  client_id: z.optional(
    text("Id of a client registered by hand; by default the gateway registers one."),
  ),
  client_secret: z.optional(text("Secret of that client; write it as ${VAR}.")),
  scopes: z.optional(
    listOf(text("A scope."), { plural: "strings", brief: "Scopes to request." }),
  ),
  redirect_port: z.optional(wholeNumber([1, 65535], "Port of the loopback redirect.")),
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
    wholeNumber([0, Math.floor(maxMs / 1000)], "Seconds after which an unused session is closed."),
    300,
  ),
  connect_timeout_ms: z._default(
    wholeNumber([1, maxMs], "Milliseconds that the server may take to start."),
    30_000,
  ),
  call_timeout_ms: z._default(
    wholeNumber([1, maxMs], "Milliseconds that a call may take without progress."),
    60_000,
  ),
  max_call_ms: z._default(
    wholeNumber([1, maxMs], "Milliseconds that a call may take in total."),
    600_000,
  ),
  max_concurrency: z._default(
    wholeNumber([1, 1_000_000], "Calls in flight per session; further calls are queued."),
    64,
  ),
  forward: z._default(
    listOf(
      oneOf(["elicitation", "roots", "sampling"], "A kind of request."),
      {
        plural: 'any of "elicitation", "roots", "sampling"',
        brief: "Requests of the server that are forwarded to the client.",
      },
    ),
    ["elicitation", "roots"],
  ),
  inherit_env: z._default(
    listOf(
      textThat((name) => /^[^=\0]+$/.test(name), {
        expected: "the name of a variable",
        brief: "A variable's name.",
      }),
      {
        plural: "names of variables",
        brief: "Variables of the gateway to pass to the process, besides the safe ones.",
      },
    ),
    [],
  ),
  oauth: z.optional(oauth),
}, "Options of the gateway for this server; other MCP clients ignore them.");

const transports = ["stdio", "http", "streamable-http", "streamableHttp", "sse"] as const;

// An entry may also contain keys of other clients; they are ignored.
const fields = {
  description: z.optional(text("The purpose of the server, for agents.")),
  disabled: z.optional(yesOrNo("Whether the gateway ignores this server.")),
  command: z.optional(
    textThat((value) => value.trim() !== "" && !value.includes("\0"), {
      expected: "the name or path of a program",
      brief: "The program to start.",
    }),
  ),
  args: z.optional(
    listOf(plain("An argument."), { plural: "strings", brief: "Arguments of the program." }),
  ),
  env: z.optional(
    recordOf(plain("A value."), {
      plural: "strings",
      brief: "Variables for the program, as values or ${VAR}.",
    }),
  ),
  cwd: z.optional(plain("Working folder of the program.")),
  url: z.optional(text("Address of a remote server.")),
  headers: z.optional(
    recordOf(text("A value."), {
      plural: "strings",
      brief: "Headers of every request; write secrets as ${VAR}.",
    }),
  ),
  type: z.optional(oneOf(transports, "The transport of the server.")),
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
    $schema: z.optional(text("Address of the JSON Schema of this file.")),
    mcpServers: recordOf(entry, { plural: "servers", brief: "The servers, by name." }),
  }, "an object"),
  "The servers behind the gateway.",
);

/** A checked servers file; names are encoded by `encodeKey`. */
export type ServersFile = z.infer<typeof serversSchema>;

/** A checked entry of the servers file. */
export type ServerEntry = ServersFile["mcpServers"][string];
