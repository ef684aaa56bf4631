/**
 * The gateway's clients over HTTP. A request passes the listener with its limits, the middlewares,
 * which authenticate it, and a route, which returns the response; a message goes to the channel
 * of its session, and a stream of answers is the body of a response. Of the messages, this folder
 * reads only the first one of a session. Imports `config`, `jsonrpc` and the leaves.
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
export { type HttpLimits, LIMITS } from "./limits.ts";
export { RulesAuthenticator, type RulesAuthenticatorOptions } from "./rules_authenticator.ts";
export { HttpService, type ServiceOptions } from "./service.ts";
export type { ClientHandle } from "./http_sessions.ts";
