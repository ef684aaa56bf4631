import type { Caller, DownstreamServer } from "../../downstream/mod.ts";

/** The kinds of things, besides tools, that are offered to a client. */
export type OfferedKinds = Readonly<Record<"resources" | "prompts" | "completions", boolean>>;

/** The kinds for a client whose connection has no agent. */
export const NOTHING_OFFERED: OfferedKinds = {
  resources: false,
  prompts: false,
  completions: false,
};

/**
 * Returns what a client is offered: the kinds that one of the servers is known to have. As long as it is not known what
 * a server has, it may have all.
 *
 * @param servers The servers that the agent may use.
 */
export function findOfferedKinds(
  servers: readonly DownstreamServer[],
  caller: Caller,
): OfferedKinds {
  const has = (kind: Parameters<DownstreamServer["offers"]>[0]): boolean =>
    servers.some((server) => server.offers(kind, caller) !== false);
  return {
    resources: has("resources") || has("templates"),
    prompts: has("prompts"),
    completions: has("completions"),
  };
}
