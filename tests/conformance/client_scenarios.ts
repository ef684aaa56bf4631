import type { Fields } from "../e2e/gateway.ts";

/** A tool of the server of a scenario. */
export interface ScenarioTool {
  readonly name: string;
  readonly inputSchema: {
    readonly properties?: Readonly<Record<string, { type?: string; default?: unknown }>>;
  };
}

/** Extra settings of a scenario, and its expected outcome. */
export interface ClientScenario {
  /** Keys of `gateway.oauth` in the server's entry, in addition to the scenario's client id and secret. */
  readonly oauth?: Fields;
  /** Pattern of the expected refusal; by default every call must succeed. */
  readonly refusal?: RegExp;
  /** Returns the arguments of a tool; by default, its arguments are numbers. */
  readonly chooseArgs?: (tool: ScenarioTool, tools: readonly ScenarioTool[]) => Fields;
  /** Whether the server's resources and prompts are requested, too. Default: only its tools are called. */
  readonly hasOtherItems?: boolean;
}

/** The scenarios that the gateway has to pass as a client of its servers. */
export const SCENARIOS: Readonly<Record<string, ClientScenario>> = {
  "initialize": {},
  "tools_call": {},
  "elicitation-sep1034-client-defaults": {},
  "sse-retry": {},
  "auth/metadata-default": {},
  "auth/metadata-var1": {},
  "auth/metadata-var2": {},
  "auth/metadata-var3": {},
  "auth/basic-cimd": {
    oauth: { client_id: "https://conformance-test.local/client-metadata.json" },
  },
  "auth/scope-from-www-authenticate": {},
  "auth/scope-from-scopes-supported": {},
  "auth/scope-omitted-when-undefined": {},
  "auth/scope-step-up": {},
  "auth/scope-retry-limit": {
    refusal: /AUTH_REQUIRED.*every scope that the server asks for was requested/,
  },
  "auth/token-endpoint-auth-basic": {},
  "auth/token-endpoint-auth-post": {},
  "auth/token-endpoint-auth-none": {},
  "auth/pre-registration": {},
  "auth/2025-03-26-oauth-endpoint-fallback": {},
  "auth/resource-mismatch": { refusal: /AUTH_REQUIRED.*which is not its own address/ },
  "auth/offline-access-scope": {},
  "auth/offline-access-not-supported": {},
  "auth/client-credentials-basic": { oauth: { grant: "client_credentials" } },
};

/** Reasons for skipping the other scenarios of `conformance list --client`. */
export const SKIPPED_SCENARIOS: Readonly<Record<string, string>> = {
  "auth/2025-03-26-oauth-metadata-backcompat":
    "the issuer in its metadata (/oauth) does not match the address of the metadata, so the metadata " +
    "must not be used (RFC 8414, 3.3); later versions of the suite have fixed this, and " +
    "tests/oauth/discovery_test.ts has the corrected case",
  "auth/client-credentials-jwt":
    "an extension: the gateway gets tokens with client_id and client_secret, and an entry cannot " +
    "contain a private key",
  "auth/cross-app-access-complete-flow":
    "an extension: a company's identity provider issues the token, and an entry cannot name one",
};
