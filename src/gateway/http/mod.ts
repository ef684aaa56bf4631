/**
 * The gateway's clients over HTTP. A request is read by the listener, which enforces limits, then checked
 * and authenticated by the middlewares, and answered by a route. The routes pass messages to the session,
 * which is the channel of a `Peer` and answers in the response. The routes themselves read only the first message of
 * a session, and during a shutdown whether a message contains a request. Imports `config`, `jsonrpc` and the leaves.
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
