import * as z from "zod/mini";
import { AGENT_ID_PATTERN } from "../agent_id.ts";
import { readInstant } from "./instant.ts";
import { isSecureUrl } from "../loopback.ts";
import {
  addDescription,
  anySchema,
  booleanSchema,
  enumSchema,
  integerSchema,
  listSchema,
  maxResultTokens,
  numberSchema,
  objectSchema,
  recordSchema,
  stringSchema,
  stringSchemaWithTest,
} from "./schema_parts.ts";

const MAX_LIMIT = 2 ** 31 - 1;

/** Maximum seconds for which an approval is valid: a day. */
const MAX_EXPIRES_S = 86_400;

const limits = objectSchema({
  per_minute: z.optional(integerSchema([1, MAX_LIMIT], "Operations per minute.")),
  concurrent: z.optional(integerSchema([1, MAX_LIMIT], "Operations at the same time.")),
  max_result_tokens: maxResultTokens,
}, "Limits on the operations of an agent, and on their results.");

const pattern = stringSchema("A name; `*` matches any run of characters, `?` exactly one.");
const uriPattern = stringSchema("A URI; `*` matches any run of characters, `?` exactly one.");
const patterns = (brief: string, item = pattern) => listSchema(item, { plural: "strings", brief });
const oneOrMore = (brief: string) =>
  addDescription(
    z.union(
      [z.string("a string"), z.array(z.string("a string"), "a list of strings")],
      "a string or a list of strings",
    ),
    brief,
  );

const test = objectSchema({
  equals: z.optional(anySchema("The whole value: any JSON value.")),
  one_of: z.optional(listSchema(anySchema("Any JSON value."), {
    plural: "values",
    brief: "The whole value is one of these.",
  })),
  like: z.optional(
    oneOrMore(
      "The whole text; `*` matches any run of characters, `?` exactly one. Of a list, one matches.",
    ),
  ),
  ilike: z.optional(oneOrMore("As `like`, but case-insensitive.")),
  within: z.optional(
    oneOrMore("An absolute folder that contains the absolute path. Of a list, one contains it."),
  ),
  host: z.optional(
    oneOrMore("The host of a URL, or a pattern of hosts. Of a list, one matches."),
  ),
  min: z.optional(numberSchema("The least number.")),
  max: z.optional(numberSchema("The greatest number.")),
  max_length: z.optional(integerSchema([0, MAX_LIMIT], "The greatest number of characters.")),
  exists: z.optional(booleanSchema("Whether there is a value.")),
}, "Tests of one argument, which must all hold.");

const toolEntry = z.union([
  pattern,
  objectSchema({
    tool: pattern,
    when: z.optional(recordSchema(test, {
      plural: "tests",
      brief: "Tests by argument: a key of the arguments, or a JSON pointer such as `/filter/path`.",
    })),
    hint: z.optional(
      enumSchema(
        ["read_only", "destructive", "open_world"],
        "The annotation that the tool has; where its server says nothing, the defaults of MCP hold.",
      ),
    ),
  }, "A tool, with conditions on its annotations and on the arguments of the call."),
], "a string, or an object with `tool`, `when` and `hint`");

const tools = z.optional(
  recordSchema(listSchema(toolEntry, { plural: "strings or objects", brief: "Tools." }), {
    plural: "tool lists",
    brief: "Tools, by server name or wildcard.",
  }),
);

const grants = objectSchema({
  servers: z.optional(patterns("Servers.")),
  tools,
  resources: z.optional(
    recordSchema(patterns("URIs of resources.", uriPattern), {
      plural: "resource lists",
      brief: "Resources, by server name or wildcard.",
    }),
  ),
  prompts: z.optional(
    recordSchema(patterns("Prompts."), {
      plural: "prompt lists",
      brief: "Prompts, by server name or wildcard.",
    }),
  ),
}, "Servers, and tools, resources and prompts of servers.");

const hash = stringSchemaWithTest((value) => /^[0-9a-f]{64}$/i.test(value), {
  expected: "64 hex digits",
  brief: "SHA-256 of a bearer token.",
});

const token = z.union([
  hash,
  objectSchema({
    sha256: hash,
    expires: z.optional(
      stringSchemaWithTest((value) => readInstant(value) !== undefined, {
        expected: 'a date such as "2027-01-31" or a time such as "2027-01-31T12:00:00Z"',
        brief: "When the token expires; a date means 00:00 UTC on that day.",
      }),
    ),
  }, "A bearer token that may expire."),
], "64 hex digits, or an object with `sha256` and `expires`");

const mode = z.optional(
  enumSchema(
    ["enforce", "shadow"],
    "Whether the rules are enforced, or what they do not allow is let through and only recorded.",
  ),
);

const agent = objectSchema({
  allow: addDescription(z.optional(grants), "What the agent may use."),
  deny: addDescription(z.optional(grants), "What the agent may not use."),
  ask: z.optional(objectSchema({ tools }, "Tools whose calls need a person's approval.")),
  token_sha256: z.optional(
    listSchema(token, {
      plural: "token hashes",
      brief: "Bearer tokens that identify this agent over HTTP.",
    }),
  ),
  limits: z.optional(limits),
  mode,
  status: z.optional(booleanSchema("Whether the agent may read the gateway's status over HTTP.")),
}, "The rules of one agent; `{}` allows nothing.");

const address = (brief: string) =>
  stringSchemaWithTest(isSecureUrl, {
    expected: "an https address, or http on this machine",
    brief,
  });

const nonEmpty = (brief: string) =>
  stringSchemaWithTest((value) => value !== "", {
    expected: "a string that is not empty",
    brief,
    kind: "a string",
  });

const jwt = objectSchema({
  issuer: nonEmpty("Value of the `iss` claim."),
  audience: nonEmpty("Value that the `aud` claim must contain."),
  jwks_url: z.optional(
    address("Address of the issuer's keys; discovered from the issuer by default."),
  ),
  agent_claim: nonEmpty("Name of the claim with the agent id."),
}, "JSON Web Tokens that identify agents over HTTP.");

/** The schema of the rules file. */
export const rulesSchema = objectSchema({
  $schema: z.optional(stringSchema("Address of the JSON Schema of this file.")),
  agents: recordSchema(agent, { plural: "agents", brief: "The agents, by id." }).check(
    z.meta({ propertyNames: { pattern: AGENT_ID_PATTERN.source } }),
  ),
  defaults: z.optional(objectSchema({
    deny_on_missing_agent: z._default(
      booleanSchema("Whether operations without agent_id are denied; default true."),
      true,
    ),
    deny_overrides: z._default(
      booleanSchema("Whether every deny is checked before every allow; default false."),
      false,
    ),
    mode,
    limits: z.optional(limits),
    approval: z.optional(objectSchema({
      expires_s: z.optional(
        integerSchema([1, MAX_EXPIRES_S], "Seconds for which an approval is valid; default 600."),
      ),
      wait_s: z.optional(
        integerSchema(
          [0, MAX_EXPIRES_S],
          "Seconds for which a call waits for its approval; default 30.",
        ),
      ),
    }, "The time for a person's approval of a call.")),
  }, "Defaults for all agents.")),
  auth: z.optional(objectSchema({ jwt: z.optional(jwt) }, "How clients authenticate over HTTP.")),
}, "Which agent may use which servers, tools, resources and prompts.");

/** The value of a valid rules file. Its keys, such as agent ids, are encoded by `encodeKey`. */
export type RulesFile = z.infer<typeof rulesSchema>;
