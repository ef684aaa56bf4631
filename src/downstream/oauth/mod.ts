/**
 * The way that requests to remote servers get their authorization: OAuth tokens, their renewal, and
 * logins of people. Tokens, codes and secrets leave it in requests and in their files only. What is
 * imported from here loads the rest when it is needed.
 *
 * @module
 */
export { type AccountOptions, logIn, type LoginState, logOut, readLoginState } from "./accounts.ts";
export { type LoginOutcome, type LogoutOutcome } from "./accounts.ts";
export { authorize, type AuthorizeOptions } from "./authorize.ts";
