/**
 * The contract: all promises of the program to its users, by id. The name of a test, or of a step in it,
 * begins with the ids of the promises that it tests, in brackets. `deno task test` fails unless at least
 * one test of each promise ran and passed.
 *
 * @module
 */
import { APPROVALS } from "./requirements/approvals.ts";
import { ASK_AND_SHADOW } from "./requirements/ask_and_shadow.ts";
import { CATALOGS } from "./requirements/catalogs.ts";
import { CODE } from "./requirements/code.ts";
import { COMMAND_INIT } from "./requirements/command_init.ts";
import { CONDITIONS } from "./requirements/conditions.ts";
import { DIRECT_FACE } from "./requirements/direct_face.ts";
import { DOCS } from "./requirements/docs.ts";
import { ERAS } from "./requirements/eras.ts";
import { DECLARATIONS } from "./requirements/declarations.ts";
import { FINDING } from "./requirements/finding.ts";
import { INTERACTIONS } from "./requirements/interactions.ts";
import { LARGE_RESULTS } from "./requirements/large_results.ts";
import { MEMORY } from "./requirements/memory.ts";
import { OAUTH } from "./requirements/oauth.ts";
import { OFFERED } from "./requirements/offered.ts";
import { OVER_HTTP } from "./requirements/over_http.ts";
import { OWN_SERVER } from "./requirements/own_server.ts";
import { OWN_SERVER_RULES } from "./requirements/own_server_rules.ts";
import { PARSERS } from "./requirements/parsers.ts";
import { PINS } from "./requirements/pins.ts";
import { RECORDS_AND_COMMANDS } from "./requirements/records_and_commands.ts";
import { RULES_AND_SERVERS } from "./requirements/rules_and_servers.ts";
import { SERVERS_ITEMS } from "./requirements/servers_items.ts";
import { SESSIONS_AND_MESSAGES } from "./requirements/sessions_and_messages.ts";
import { SHARED } from "./requirements/shared.ts";
import { STATELESS_CLIENTS } from "./requirements/stateless_clients.ts";
import { STATELESS_HTTP } from "./requirements/stateless_http.ts";
import { STATELESS_REMOTE } from "./requirements/stateless_remote.ts";
import { STATELESS_SERVERS } from "./requirements/stateless_servers.ts";
import { TENANTS } from "./requirements/tenants.ts";
import { TOOLS_AND_ERRORS } from "./requirements/tools_and_errors.ts";
import { WAKE } from "./requirements/wake.ts";
import { TRYING } from "./requirements/trying.ts";

/** A promise of the contract. */
export interface Requirement {
  /** Area and name, such as `tools.token-budget`. */
  readonly id: string;
  /** The section of the promises that it belongs to. */
  readonly section: string;
  /** The promise, as one sentence. */
  readonly text: string;
  /** The issue with which the promise will be kept, if it is not kept yet. */
  readonly issue?: number;
}

/** Promises of one section by id; a promise that is not kept yet has the number of its issue. */
export type Section = Readonly<Record<string, string | readonly [issue: number, text: string]>>;

const sections: readonly (readonly [string, Section])[] = [
  ...Object.entries(TOOLS_AND_ERRORS),
  ...Object.entries(OFFERED),
  ...Object.entries(FINDING),
  ...Object.entries(SHARED),
  ...Object.entries(DECLARATIONS),
  ...Object.entries(DIRECT_FACE),
  ...Object.entries(CATALOGS),
  ...Object.entries(OWN_SERVER),
  ...Object.entries(RULES_AND_SERVERS),
  ...Object.entries(CODE),
  ...Object.entries(CONDITIONS),
  ...Object.entries(ASK_AND_SHADOW),
  ...Object.entries(OWN_SERVER_RULES),
  ...Object.entries(PINS),
  ...Object.entries(APPROVALS),
  ...Object.entries(TRYING),
  ...Object.entries(SERVERS_ITEMS),
  ...Object.entries(SESSIONS_AND_MESSAGES),
  ...Object.entries(OAUTH),
  ...Object.entries(RECORDS_AND_COMMANDS),
  ...Object.entries(COMMAND_INIT),
  ...Object.entries(OVER_HTTP),
  ...Object.entries(STATELESS_CLIENTS),
  ...Object.entries(STATELESS_HTTP),
  ...Object.entries(STATELESS_REMOTE),
  ...Object.entries(STATELESS_SERVERS),
  ...Object.entries(TENANTS),
  ...Object.entries(ERAS),
  ...Object.entries(MEMORY),
  ...Object.entries(INTERACTIONS),
  ...Object.entries(PARSERS),
  ...Object.entries(LARGE_RESULTS),
  ...Object.entries(WAKE),
  ...Object.entries(DOCS),
];

/** All promises, in the order of the contract. */
export const requirements: readonly Requirement[] = sections.flatMap(([section, promises]) => {
  return Object.entries(promises).map(([id, promise]) => {
    if (typeof promise === "string") return { id, section, text: promise };
    const [issue, text] = promise;
    return { id, section, text, issue };
  });
});

/** Promises that `deno task test` may leave untested, with the reason. */
export const OPTIONAL: Readonly<Record<string, string>> = {
  "faults.terminal": "needs the `script` of util-linux",
  "servers.sandbox": "needs the program bwrap, and permission to create namespaces",
  "servers.sandbox-link": "needs the program bwrap, and permission to create namespaces",
  "oauth.dial":
    "needs the `unshare` and `ip` of Linux, and permission to create network namespaces",
  "metrics.flat": "takes minutes, and is tested by `deno task soak`",
  "shared.chaos": "takes minutes, and is tested by `deno task soak`",
  "security.overload": "takes minutes, and is tested by `deno task soak`",
};
