/**
 * The gateway's clients over HTTP: the listener and its limits, who may come in, the sessions and
 * their streams. Turns requests into messages on channels and knows nothing of what they say.
 * Imports `config`, `jsonrpc` and the leaves.
 *
 * @module
 */
export {
  type Authenticator,
  type AuthRequest,
  type AuthResult,
  type Credential,
  OPEN,
} from "./authentication.ts";
export type { KeyTimes } from "./issuer_keys.ts";
export { LIMITS, type Limits } from "./limits.ts";
export { RulesAuthenticator, type RulesAuthenticatorOptions } from "./rules_authenticator.ts";
export { HttpService, type ServiceOptions } from "./service.ts";
export type { Served } from "./http_sessions.ts";
