/** The modules that are loaded when a remote server is used for the first time. */
export { openBrowser } from "./browser.ts";
export { OAuth } from "./oauth.ts";
export { isRenewalDue, matchesEntry } from "./stored_login.ts";
export { getOAuthFolder, TokenStore } from "./token_store.ts";
