/**
 * Bidirectional JSON-RPC 2.0: messages, the peer that matches requests with answers, and the channels
 * that carry them. An *answer* is a response of JSON-RPC; *response* means one of HTTP. Knows nothing of tools,
 * servers or any revision of MCP. Imports the leaves.
 *
 * @module
 */

export { Cancellation, type CancelSignal } from "./cancellation.ts";
export type {
  Channel,
  ChannelHandler,
  DroppedMessage,
  QueuedMessage,
  ResponseWriter,
} from "./channel.ts";
export { ByteBuffer, type ByteBufferOptions } from "./byte_buffer.ts";
export { readIdAndMethod } from "./envelope.ts";
export { fnv1a } from "./hash.ts";
export { IncomingRequest } from "./incoming.ts";
export { IndependentRequests } from "./independent_requests.ts";
export {
  type ByteSink,
  type ByteSource,
  type ByteWriter,
  LineChannel,
  type LineChannelOptions,
  MAX_MESSAGE_BYTES,
} from "./line_channel.ts";
export { LineSplitter, type LineSplitterOptions } from "./line_splitter.ts";
export { type HandlingOptions, parseAndHandle } from "./long_message.ts";
export type { ReceivedText } from "./parse.ts";
export { createMemoryChannels } from "./memory_channel.ts";
export {
  type IdText,
  type InvalidMessage,
  JsonParts,
  JsonText,
  type Message,
  type Payload,
  type RequestMessage,
  type ResultMessage,
  RPC_CODES,
  type RpcError,
  serializeNotification,
  serializePayload,
} from "./message.ts";
export type { RequestOptions } from "./outgoing.ts";
export { parseMessage, readDropped } from "./parse.ts";
export { Peer, type PeerHandler } from "./peer.ts";
export { QUEUED_MESSAGE_LENGTH, QueueLimit } from "./queue_limit.ts";
export { type Indexed, SwapRemoveSet } from "./swap_remove_set.ts";
export { AnswerTooLong, ChannelClosed, type Reply, Result } from "./reply.ts";
export { measureParseCost, type ParseCost } from "./parse_cost.ts";
export {
  countMembers,
  elementTexts,
  memberTexts,
  otherMembers,
  skipSpace,
  skipString,
  skipValue,
  textAt,
  withElement,
  withValue,
} from "./scan.ts";
export { ReadThrottle } from "./read_throttle.ts";
export { decodeUtf8, utf8Bytes } from "./utf8.ts";
