/**
 * Authorization of requests to remote servers: OAuth tokens, their renewal, and logins of people.
 * Tokens, codes and secrets leave this folder only in requests and in the files of the token
 * store. The rest of the folder is loaded by the first request, login or logout that needs it.
 *
 * @module
 */
export {
  type AccountOptions,
  logIn,
  type LoginOutcome,
  type LoginState,
  logOut,
  type LogoutOutcome,
  readLoginState,
} from "./accounts.ts";
export { createServerAuth, type ServerAuthOptions } from "./server_auth.ts";
