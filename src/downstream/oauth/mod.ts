/**
 * Authorization of requests to remote servers: OAuth tokens, their renewal, and logins of people.
 * Tokens, codes and secrets leave this folder only in requests and in the files of the token
 * store. The exports of this module load the rest of the folder when they need it.
 *
 * @module
 */
export { type AccountOptions, logIn, type LoginState, logOut, readLoginState } from "./accounts.ts";
export { type LoginOutcome, type LogoutOutcome } from "./accounts.ts";
export { createServerAuth, type ServerAuthOptions } from "./server_auth.ts";
