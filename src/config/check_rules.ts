import type { ConfigProblem } from "../errors.ts";
import { agentIdShape, isAgentId } from "./agent_id.ts";
import type { Document, Path } from "./document.ts";
import { entriesOf, isObject, type JsonObject } from "./json_value.ts";
import { isSafeUrl } from "./safe_url.ts";

/**
 * What a schema cannot say about rules: the shape of agent ids, tokens that name two agents, an
 * issuer whose keys cannot be found.
 */
export function checkRules(document: Document): ConfigProblem[] {
  return [...checkAgents(document), ...checkIssuer(document)];
}

function checkIssuer(document: Document): ConfigProblem[] {
  const auth = isObject(document.value) ? document.value["auth"] : undefined;
  const jwt = isObject(auth) ? auth["jwt"] : undefined;
  const { issuer, jwks_url: jwksUrl }: JsonObject = isObject(jwt) ? jwt : {};
  if (typeof issuer !== "string" || issuer === "" || jwksUrl !== undefined) return [];
  if (isSafeUrl(issuer)) return [];
  const message = "expected an https address, or http on this machine; where the issuer is none, " +
    "`jwks_url` has to say where its keys are";
  return [document.problem(["auth", "jwt", "issuer"], message)];
}

function checkAgents(document: Document): ConfigProblem[] {
  const { value } = document;
  const agents = isObject(value) ? value["agents"] : undefined;
  if (!isObject(agents)) return [];
  const problems: ConfigProblem[] = [];
  const owners = new Map<string, string>();
  for (const [id, agent] of entriesOf(agents)) {
    if (!isAgentId(id)) {
      const message = `expected an agent id of ${agentIdShape}`;
      problems.push(document.problem(["agents", id], message, "key"));
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
      const message = `agent ${JSON.stringify(owner)} has the same token: a token names one agent`;
      problems.push(document.problem(path, message));
    }
  }
  return problems;
}
