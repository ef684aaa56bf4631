import * as z from "zod/mini";
import { agentIdPattern } from "../agent_id.ts";
import { readInstant } from "./instant.ts";
import { isSecureUrl } from "../loopback.ts";
import {
  described,
  listOf,
  recordOf,
  strict,
  text,
  textThat,
  wholeNumber,
  yesOrNo,
} from "./shapes.ts";

const most = 2 ** 31 - 1;

const limits = strict({
  per_minute: z.optional(wholeNumber([1, most], "Operations per minute.")),
  concurrent: z.optional(wholeNumber([1, most], "Operations at the same time.")),
}, "Limits on the operations of an agent.");

const pattern = text("A name; `*` matches any run of characters, `?` exactly one.");
const patterns = (brief: string) => listOf(pattern, { plural: "strings", brief });
const grants = strict({
  servers: z.optional(patterns("Servers.")),
  tools: z.optional(
    recordOf(patterns("Tools."), {
      plural: "tool lists",
      brief: "Tools, by server name or pattern.",
    }),
  ),
}, "Servers, and tools of servers.");

const hash = textThat((value) => /^[0-9a-f]{64}$/i.test(value), {
  expected: "64 hex digits",
  brief: "SHA-256 of a bearer token.",
});

const token = z.union([
  hash,
  strict({
    sha256: hash,
    expires: z.optional(
      textThat((value) => readInstant(value) !== undefined, {
        expected: 'a date such as "2027-01-31" or a time such as "2027-01-31T12:00:00Z"',
        brief: "When the token expires; a date means 00:00 UTC on that day.",
      }),
    ),
  }, "A bearer token that may expire."),
], "64 hex digits, or an object with `sha256` and `expires`");

const agent = strict({
  allow: described(z.optional(grants), "What the agent may use."),
  deny: described(z.optional(grants), "What the agent may not use."),
  token_sha256: z.optional(
    listOf(token, {
      plural: "token hashes",
      brief: "Bearer tokens that identify this agent over HTTP.",
    }),
  ),
  limits: z.optional(limits),
  status: z.optional(yesOrNo("Whether the agent may read the gateway's status over HTTP.")),
}, "The rules of one agent; `{}` allows nothing.");

const address = (brief: string) =>
  textThat(isSecureUrl, { expected: "an https address, or http on this machine", brief });

const nonEmpty = (brief: string) =>
  textThat((value) => value !== "", {
    expected: "a string that is not empty",
    brief,
    kind: "a string",
  });

const jwt = strict({
  issuer: nonEmpty("Value of the `iss` claim."),
  audience: nonEmpty("Value that the `aud` claim must contain."),
  jwks_url: z.optional(
    address("Address of the issuer's keys; discovered from the issuer by default."),
  ),
  agent_claim: nonEmpty("Name of the claim with the agent id."),
}, "JSON Web Tokens that identify agents over HTTP.");

/** The schema of the rules file. */
export const rulesSchema = strict({
  $schema: z.optional(text("Address of the JSON Schema of this file.")),
  agents: recordOf(agent, { plural: "agents", brief: "The agents, by id." }).check(
    z.meta({ propertyNames: { pattern: agentIdPattern.source } }),
  ),
  defaults: z.optional(strict({
    deny_on_missing_agent: z._default(
      yesOrNo("Whether operations without agent_id are denied; default true."),
      true,
    ),
    deny_overrides: z._default(
      yesOrNo("Whether every deny is checked before every allow; default false."),
      false,
    ),
    limits: z.optional(limits),
  }, "Defaults for all agents.")),
  auth: z.optional(strict({ jwt: z.optional(jwt) }, "How clients authenticate over HTTP.")),
}, "Which agent may use which servers and tools.");

/** A checked rules file; names are encoded by `encodeKey`. */
export type RulesFile = z.infer<typeof rulesSchema>;
