import { agentIdPattern } from "./agent_id.ts";
import type { Read } from "./shape.ts";
import {
  listOf,
  optional,
  recordOf,
  strict,
  text,
  textOr,
  textThat,
  wholeNumber,
  yesOrNo,
} from "./shapes.ts";

const most = 2 ** 31 - 1;

const limits = strict({
  per_minute: optional(wholeNumber(1, most, "Operations per minute.")),
  concurrent: optional(wholeNumber(1, most, "Operations at the same time.")),
}, "How much an agent may do.");

const pattern = text("A name, where `*` stands for any run of characters and `?` for one.");
const patterns = (brief: string) => listOf(pattern, "strings", brief);
const grants = (brief: string) =>
  strict({
    servers: optional(patterns("Servers.")),
    tools: optional(
      recordOf(patterns("Tools."), "tool lists", "Tools, by server name or pattern."),
    ),
  }, brief);

const hash = textThat(
  (value) => /^[0-9a-f]{64}$/i.test(value),
  "64 hex digits",
  "SHA-256 of a bearer token.",
);

const token = textOr(
  hash,
  strict({
    sha256: hash,
    expires: optional(
      textThat(
        (value) => readInstant(value) !== undefined,
        'a date such as "2027-01-31" or a time such as "2027-01-31T12:00:00Z"',
        "From when on the token counts no more; a date means its first moment in UTC.",
      ),
    ),
  }, "A bearer token that ends."),
  "64 hex digits, or an object with `sha256` and `expires`",
);

const agent = strict({
  allow: optional(grants("What the agent may use.")),
  deny: optional(grants("What the agent may not use.")),
  token_sha256: optional(
    listOf(token, "token hashes", "Bearer tokens that name this agent over HTTP."),
  ),
  limits: optional(limits),
  status: optional(yesOrNo("Whether the agent may read the gateway's status over HTTP.")),
}, "What one agent may use; `{}` is nothing.");

const address = (brief: string) =>
  textThat(isSafeUrl, "an https address, or http on this machine", brief);

const nonEmpty = (brief: string) =>
  textThat((value) => value !== "", "a string that is not empty", brief, "a string");

const jwt = strict({
  issuer: nonEmpty("Value of the `iss` claim."),
  audience: nonEmpty("Value that the `aud` claim holds."),
  jwks_url: optional(address("Where the keys are; found from the issuer where absent.")),
  agent_claim: nonEmpty("Name of the claim that holds the agent id."),
}, "JSON Web Tokens that name an agent over HTTP.");

/** The schema of the rules file. */
export const rulesSchema = strict({
  $schema: optional(text("Where the JSON Schema of this file is.")),
  agents: recordOf(agent, "agents", "The agents, by id.", {
    propertyNames: { pattern: agentIdPattern.source },
  }),
  defaults: optional(strict({
    deny_on_missing_agent: optional(
      yesOrNo("Whether operations without agent_id are refused; true where absent."),
    ),
    deny_overrides: optional(
      yesOrNo("Whether every deny comes before every allow; false where absent."),
    ),
    limits: optional(limits),
  }, "What holds where an agent says nothing.")),
  auth: optional(strict({ jwt: optional(jwt) }, "Who may connect over HTTP.")),
}, "Which agent may use which servers and tools.");

/** A checked rules file; names are encoded by `encodeKey`. */
export type RulesFile = Read<typeof rulesSchema>;

/** Milliseconds since 1970 of an ISO 8601 date or time with zone. */
export function readInstant(text: string): number | undefined {
  const shape = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;
  const [, date = ""] = shape.exec(text) ?? [];
  const midnight = Date.parse(date);
  const instant = Date.parse(text);
  // February 30 would silently become March 2.
  const isReal = !Number.isNaN(instant) && !Number.isNaN(midnight) &&
    new Date(midnight).toISOString().startsWith(date);
  return isReal ? instant : undefined;
}

/** Whether nobody on the way can change what an address answers: https, or this machine. */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  const local = ["localhost", "127.0.0.1", "[::1]"];
  return url?.protocol === "https:" ||
    (url?.protocol === "http:" && local.includes(url.hostname));
}
