/**
 * Serves clients of revision 2026-07-28, which has no sessions: each request says everything about its client. Knows
 * no transport: requests come from a session that carries both kinds of requests, or one by one. Imports the pipeline
 * and the codec of the revision.
 *
 * @module
 */
export type { PipelineContext } from "../pipeline_context.ts";
export type { Records } from "../records.ts";
export type { Snapshot } from "../snapshot.ts";
export type { InteractionsOptions } from "./interactions.ts";
export type { ParkedOperationsOptions } from "./parked.ts";
export type { NotifyOrDrop } from "./request_channel.ts";
export type { StatelessClient, StatelessClientOptions } from "./stateless_client.ts";
export { StatelessService } from "./stateless_service.ts";
