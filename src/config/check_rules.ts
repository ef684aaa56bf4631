import type { ConfigProblem } from "../errors.ts";
import { checkConditions } from "./check_conditions.ts";
import { AGENT_ID_SHAPE, isAgentId } from "../agent_id.ts";
import type { Document, Path } from "./document.ts";
import { entriesOf, isObject, objectAt } from "./json_value.ts";
import { DEFAULT_EXPIRES_S } from "./rules.ts";
import { isSecureUrl } from "../loopback.ts";

/**
 * Checks what a schema cannot express about rules: the shape of agent ids, a token that two agents
 * share, conditions that no call can pass, an issuer whose keys cannot be discovered.
 */
export function checkRules(document: Document): ConfigProblem[] {
  return [
    ...checkAgents(document),
    ...checkConditions(document),
    ...checkApproval(document),
    ...checkIssuer(document),
  ];
}

function checkApproval(document: Document): ConfigProblem[] {
  const { expires_s: expiresS = DEFAULT_EXPIRES_S, wait_s: waitS } = objectAt(
    document.value,
    "defaults",
    "approval",
  );
  if (typeof expiresS !== "number" || typeof waitS !== "number" || waitS <= expiresS) return [];
  const message = `expected at most ${expiresS}, which is \`expires_s\`: ` +
    "a call cannot wait longer than its approval is valid";
  return [document.createProblem(["defaults", "approval", "wait_s"], message)];
}

function checkIssuer(document: Document): ConfigProblem[] {
  const { issuer, jwks_url: jwksUrl } = objectAt(document.value, "auth", "jwt");
  if (typeof issuer !== "string" || issuer === "" || jwksUrl !== undefined) return [];
  if (isSecureUrl(issuer)) return [];
  const message = "expected an https address, or http on this machine; for any other issuer, set " +
    "`jwks_url` to the address of its keys";
  return [document.createProblem(["auth", "jwt", "issuer"], message)];
}

function checkAgents(document: Document): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const owners = new Map<string, string>();
  for (const [id, agent] of entriesOf(objectAt(document.value, "agents"))) {
    if (!isAgentId(id)) {
      const message = `expected an agent id of ${AGENT_ID_SHAPE}`;
      problems.push(document.createProblem(["agents", id], message, "key"));
    }
    const tokens = isObject(agent) ? agent["token_sha256"] : undefined;
    if (!Array.isArray(tokens)) continue;
    for (const [index, token] of tokens.entries()) {
      const hash = isObject(token) ? token["sha256"] : token;
      if (typeof hash !== "string") continue;
      const owner = owners.get(hash.toLowerCase());
      owners.set(hash.toLowerCase(), id);
      if (owner === undefined || owner === id) continue;
      const path: Path = ["agents", id, "token_sha256", index];
      const message = `agent ${JSON.stringify(owner)} has the same token`;
      problems.push(document.createProblem(path, `${message}: use a token for one agent only`));
    }
  }
  return problems;
}
