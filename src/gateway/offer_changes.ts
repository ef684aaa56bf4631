/** Decides whether a change in what servers offer affects a client. */

import type { ClientConnection, ListKind } from "../downstream/mod.ts";
import { connectionAgent } from "./identification.ts";
import type { ClientSubscriptions } from "./offered/mod.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import { hasDirectTools } from "./shown_tools.ts";

/** Whether a changed list of a server is part of a list that a client may see. */
export function affectsClient(
  { server, kind }: { readonly server: string; readonly kind: ListKind },
  context: PipelineContext,
): boolean {
  if (kind === "tools" && !hasDirectTools(context)) return false;
  const agent = connectionAgent(context);
  return agent !== undefined && context.snapshot.policy.allows(agent, { kind: "server", server });
}

/** Whether a client may read a resource of a server; asked again for each update. */
export function mayRead(
  { server, uri }: { readonly server: string; readonly uri: string },
  context: PipelineContext,
): boolean {
  const agent = connectionAgent(context);
  return agent !== undefined &&
    context.snapshot.policy.allows(agent, { kind: "resource", server, uri });
}

/**
 * Adapts the subscriptions of a client to the active configuration, in the background.
 *
 * @param options `onUpdated` is called with each resource that may have been updated meanwhile.
 */
export function adaptSubscriptions(
  subscriptions: ClientSubscriptions,
  { connection, context, onUpdated }: {
    readonly connection: ClientConnection;
    readonly context: PipelineContext;
    readonly onUpdated: (uri: string) => void;
  },
): void {
  const { servers } = context.snapshot;
  const agent = connectionAgent(context);
  const caller = agent === undefined ? undefined : { ...connection, agent };
  void subscriptions.adapt(caller, {
    findServer: (server, uri) =>
      mayRead({ server, uri }, context) ? servers.get(server) : undefined,
    onUpdated,
  });
}
