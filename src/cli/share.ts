import type { Rules } from "../config/mod.ts";
import { OWN_SERVER, READ_RESULT } from "../own_server.ts";
import type { AccessRequest, Policy } from "../policy/mod.ts";
import { listServerEntries, patternOf } from "./rule_entries.ts";

/** The share of a server's tools, resources or prompts that an agent may use, according to the rules alone. */
export type Share = "all" | "some" | "none";

/** A kind of items that a server has, as in the rules. */
export type SharedKind = "tools" | "resources" | "prompts";

/** Replaces `*` in a pattern to make a name: private-use characters, which no real name contains. */
const SAMPLE_NAME = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006\ue007\ue008\ue009\ue00a\ue00b";

/** Replaces `*` in a pattern of URIs: characters that are never percent-encoded, in an order that no real URI contains. */
const SAMPLE_URI_PART = "~0q~x9~j7~w5~z3";

/**
 * Finds the share of a server's tools, resources or prompts that an agent may use, without starting the server:
 * the policy decides about one name for each pattern of the rules, and about a name that no rule mentions.
 *
 * @param subject An agent that may use the server, the server, and the kind.
 */
export function findShare(
  { agent, server, kind }: {
    readonly agent: string;
    readonly server: string;
    readonly kind: SharedKind;
  },
  { rules, policy }: { readonly rules: Rules; readonly policy: Policy },
): Share {
  const patterns = listServerEntries(rules, { agent, server, key: kind })
    .map(({ entry }) => patternOf(entry));
  // A limit on results grants this tool even if no entry names it.
  if (server === OWN_SERVER && kind === "tools") patterns.push(READ_RESULT);
  const sample = kind === "resources" ? SAMPLE_URI_PART : SAMPLE_NAME;
  const decisions = ["*", ...patterns].map((pattern) => {
    const name = pattern.replaceAll("*", sample).replaceAll("?", sample.slice(0, 1));
    return policy.decide(agent, toAccessRequest(kind, server, name)).effect;
  });
  if (decisions.every((effect) => effect === "allow")) return "all";
  return decisions.every((effect) => effect === "deny") ? "none" : "some";
}

function toAccessRequest(kind: SharedKind, server: string, name: string): AccessRequest {
  switch (kind) {
    case "tools":
      return { kind: "tool", server, tool: name };
    case "resources":
      return { kind: "resource", server, uri: name };
    case "prompts":
      return { kind: "prompt", server, prompt: name };
  }
}
