/**
 * The gateway's clients over HTTP. A request is read by the listener, which enforces limits, then checked and
 * authenticated by the middlewares, and answered by a route. The body of a POST decides who answers: its session, the
 * channel of a `Peer`, which sends the answers in the response, or without a session the client of its credential. Of a
 * message, the routes themselves read only its kind and the revision that it claims, and of a session's first message
 * also the method. Imports `config`, `jsonrpc` and the leaves.
 *
 * @module
 */
export {
  type Authenticator,
  type AuthRequest,
  type AuthResult,
  type Credential,
} from "./authentication.ts";
export type { KeyTimes } from "./issuer_keys.ts";
export { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
export {
  HttpRefusals,
  type HttpRefusalsOptions,
  type RecordedRefusal,
  type RefusalReason,
  type RefusedRequest,
} from "./refusals.ts";
export { RulesAuthenticator, type RulesAuthenticatorOptions } from "./rules_authenticator.ts";
export { HttpService, type ServiceOptions } from "./service.ts";
export type { AcceptClient, ConnectedClient } from "./session_store.ts";
export type { AcceptStatelessClient, StatelessClientHandle } from "./stateless_clients.ts";
