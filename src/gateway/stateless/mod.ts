/**
 * Serves clients of revision 2026-07-28, which has no sessions: each request says everything about its client. Knows
 * no transport: requests come from a session that carries both kinds of requests, or one by one. Imports the pipeline
 * and the codec of the revision.
 *
 * @module
 */
import { loadClientCodec2026 } from "../revisions/mod.ts";
import { StatelessClient, type StatelessClientOptions } from "./stateless_client.ts";

export type { PipelineContext } from "../pipeline_context.ts";
export type { Records } from "../records.ts";
export type { Snapshot } from "../snapshot.ts";
export type { NotifyOrDrop } from "./request_channel.ts";
export type { StatelessClientOptions } from "./stateless_client.ts";
export type { StatelessClient };

/** Starts to serve a client. */
export async function createStatelessClient(
  options: StatelessClientOptions,
): Promise<StatelessClient> {
  return new StatelessClient(await loadClientCodec2026(), options);
}
