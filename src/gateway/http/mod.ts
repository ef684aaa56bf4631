/**
 * The gateway's clients over HTTP. A request is read by the listener, which enforces limits, then checked
 * and authenticated by the middlewares, and answered by a route. The body of a POST decides whether its message belongs to a session, which is the
 * channel of a `Peer` and answers in the response, or is a request without a session, which the client of its credential
 * answers. The routes themselves read the first message of a session, and of all messages whether they are requests and
 * the revision to which they claim to belong. Imports `config`, `jsonrpc` and the leaves.
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
export type { AcceptStatelessClient, StatelessConnection } from "./stateless_clients.ts";
