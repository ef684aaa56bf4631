import * as z from "zod/mini";
import {
  addDescription,
  booleanSchema,
  enumSchema,
  integerSchema,
  listSchema,
  maxResultTokens,
  objectSchema,
  recordSchema,
  stringSchema,
  stringSchemaWithTest,
} from "./schema_parts.ts";

const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const stringWithoutNul = (brief: string) =>
  stringSchemaWithTest((value) => !value.includes("\0"), {
    expected: "a string without NUL",
    brief,
    kind: "a string",
  });

const oauth = objectSchema({
  client_id: z.optional(
    stringSchema("Id of a client registered by hand; by default the gateway registers one."),
  ),
  client_secret: z.optional(stringSchema("Secret of that client; write it as ${VAR}.")),
  issuer: z.optional(
    stringSchema(
      "The only authorization server to use; by default the first one that the server names.",
    ),
  ),
  scopes: z.optional(
    listSchema(stringSchema("A scope."), { plural: "strings", brief: "Scopes to request." }),
  ),
  redirect_port: z.optional(integerSchema([1, 65535], "Port of the loopback redirect.")),
  grant: z._default(
    enumSchema(["authorization_code", "client_credentials"], "How tokens are obtained."),
    "authorization_code",
  ),
}, "OAuth settings of a remote server.");

const direct = addDescription(
  z.union([
    booleanSchema("Whether all tools of the server are shown directly."),
    listSchema(stringSchema("A tool; `*` matches any run of characters, `?` exactly one."), {
      plural: "strings",
      brief: "The tools that are shown directly.",
    }),
  ], "true, or a list of tools"),
  "Tools that clients see and call directly, beside the gateway's own tools: all, or a list.",
);

const gateway = objectSchema({
  isolation: z._default(
    enumSchema(
      ["shared", "session", "agent", "call"],
      "Which callers share one session: all, a client connection, an agent within one, or none.",
    ),
    "agent",
  ),
  idle_timeout_s: z._default(
    integerSchema(
      [0, Math.floor(MAX_TIMEOUT_MS / 1000)],
      "Seconds after which an unused session is closed.",
    ),
    300,
  ),
  connect_timeout_ms: z._default(
    integerSchema([1, MAX_TIMEOUT_MS], "Milliseconds that the server may take to start."),
    30_000,
  ),
  call_timeout_ms: z._default(
    integerSchema([1, MAX_TIMEOUT_MS], "Milliseconds that a call may take without progress."),
    60_000,
  ),
  max_call_ms: z._default(
    integerSchema([1, MAX_TIMEOUT_MS], "Milliseconds that a call may take in total."),
    600_000,
  ),
  max_concurrency: z._default(
    integerSchema([1, 1_000_000], "Active calls per session; further calls are queued."),
    64,
  ),
  max_result_tokens: maxResultTokens,
  forward: z._default(
    listSchema(
      enumSchema(["elicitation", "roots", "sampling"], "A kind of request."),
      {
        plural: 'any of "elicitation", "roots", "sampling"',
        brief: "Requests of the server that are forwarded to the client.",
      },
    ),
    ["elicitation", "roots"],
  ),
  protocol: z._default(
    enumSchema(
      ["auto", "legacy", "modern"],
      "MCP revisions of the server: any, up to 2025-11-25, or from 2026-07-28.",
    ),
    "auto",
  ),
  inherit_env: z._default(
    listSchema(
      stringSchemaWithTest((name) => /^[^=\0]+$/.test(name), {
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
  direct: z.optional(direct),
  direct_start: z._default(
    booleanSchema("Whether a program that npx or uvx has in its cache is started without it."),
    true,
  ),
  sandbox: z.optional(
    enumSchema(["bwrap"], "The program whose sandbox confines the server, on Linux."),
  ),
  sandbox_network: z.optional(booleanSchema("Whether the sandbox has the network.")),
  oauth: z.optional(oauth),
}, "Options of the gateway for this server; other MCP clients ignore them.");

const transports = ["stdio", "http", "streamable-http", "streamableHttp", "sse"] as const;

// An entry may also contain keys of other clients; they are ignored.
const fields = {
  description: z.optional(stringSchema("The purpose of the server, for agents.")),
  disabled: z.optional(booleanSchema("Whether the gateway ignores this server.")),
  command: z.optional(
    stringSchemaWithTest((value) => value.trim() !== "" && !value.includes("\0"), {
      expected: "the name or path of a program",
      brief: "The program to start.",
    }),
  ),
  args: z.optional(
    listSchema(stringWithoutNul("An argument."), {
      plural: "strings",
      brief: "Arguments of the program.",
    }),
  ),
  env: z.optional(
    recordSchema(stringWithoutNul("A value."), {
      plural: "strings",
      brief: "Variables for the program, as values or ${VAR}.",
    }),
  ),
  cwd: z.optional(stringWithoutNul("Working folder of the program.")),
  url: z.optional(stringSchema("Address of a remote server.")),
  headers: z.optional(
    recordSchema(stringSchema("A value."), {
      plural: "strings",
      brief: "Headers of every request; write secrets as ${VAR}.",
    }),
  ),
  type: z.optional(enumSchema(transports, "The transport of the server.")),
  transport: z.optional(enumSchema(transports, "The same as `type`.")),
  gateway: z.prefault(gateway, {}),
};

const entry = addDescription(
  z.looseObject(fields, "an object"),
  "A server: `command` to start one, `url` to call one.",
);

/** The schema of the servers file. */
export const serversSchema = addDescription(
  z.looseObject({
    $schema: z.optional(stringSchema("Address of the JSON Schema of this file.")),
    mcpServers: recordSchema(entry, { plural: "servers", brief: "The servers, by name." }),
  }, "an object"),
  "The servers behind the gateway.",
);

/** A checked servers file; names are encoded by `encodeKey`. */
export type ServersFile = z.infer<typeof serversSchema>;

/** A checked entry of the servers file. */
export type ServerEntry = ServersFile["mcpServers"][string];
