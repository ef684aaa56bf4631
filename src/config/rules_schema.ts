import * as z from "zod/mini";
import { agentIdPattern } from "./agent_id.ts";
import { readInstant } from "./instant.ts";
import { isSafeUrl } from "./safe_url.ts";
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
  per_minute: z.optional(wholeNumber(1, most, "Operations per minute.")),
  concurrent: z.optional(wholeNumber(1, most, "Operations at the same time.")),
}, "How much an agent may do.");

const pattern = text("A name, where `*` stands for any run of characters and `?` for one.");
const patterns = (brief: string) => listOf(pattern, "strings", brief);
const grants = strict({
  servers: z.optional(patterns("Servers.")),
  tools: z.optional(
    recordOf(patterns("Tools."), "tool lists", "Tools, by server name or pattern."),
  ),
}, "Servers, and tools of servers.");

const hash = textThat(
  (value) => /^[0-9a-f]{64}$/i.test(value),
  "64 hex digits",
  "SHA-256 of a bearer token.",
);

const token = z.union([
  hash,
  strict({
    sha256: hash,
    expires: z.optional(
      textThat(
        (value) => readInstant(value) !== undefined,
        'a date such as "2027-01-31" or a time such as "2027-01-31T12:00:00Z"',
        "From when on the token counts no more; a date means its first moment in UTC.",
      ),
    ),
  }, "A bearer token that ends."),
], "64 hex digits, or an object with `sha256` and `expires`");

const agent = strict({
  allow: described(z.optional(grants), "What the agent may use."),
  deny: described(z.optional(grants), "What the agent may not use."),
  token_sha256: z.optional(
    listOf(token, "token hashes", "Bearer tokens that name this agent over HTTP."),
  ),
  limits: z.optional(limits),
  status: z.optional(yesOrNo("Whether the agent may read the gateway's status over HTTP.")),
}, "What one agent may use; `{}` is nothing.");

const address = (brief: string) =>
  textThat(isSafeUrl, "an https address, or http on this machine", brief);

const nonEmpty = (brief: string) =>
  textThat((value) => value !== "", "a string that is not empty", brief, "a string");

const jwt = strict({
  issuer: nonEmpty("Value of the `iss` claim."),
  audience: nonEmpty("Value that the `aud` claim holds."),
  jwks_url: z.optional(address("Where the keys are; found from the issuer where absent.")),
  agent_claim: nonEmpty("Name of the claim that holds the agent id."),
}, "JSON Web Tokens that name an agent over HTTP.");

/** The schema of the rules file. */
export const rulesSchema = strict({
  $schema: z.optional(text("Where the JSON Schema of this file is.")),
  agents: recordOf(agent, "agents", "The agents, by id.").check(
    z.meta({ propertyNames: { pattern: agentIdPattern.source } }),
  ),
  defaults: z.optional(strict({
    deny_on_missing_agent: z._default(
      yesOrNo("Whether operations without agent_id are refused; true where absent."),
      true,
    ),
    deny_overrides: z._default(
      yesOrNo("Whether every deny comes before every allow; false where absent."),
      false,
    ),
    limits: z.optional(limits),
  }, "What holds where an agent says nothing.")),
  auth: z.optional(strict({ jwt: z.optional(jwt) }, "Who may connect over HTTP.")),
}, "Which agent may use which servers and tools.");

/** A checked rules file; names are encoded by `encodeKey`. */
export type RulesFile = z.infer<typeof rulesSchema>;
