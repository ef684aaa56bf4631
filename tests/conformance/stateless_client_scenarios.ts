import type { ClientScenario } from "./client_scenarios.ts";

/** The scenarios of revision 2026-07-28, all that it requires and some others, that the gateway has to pass as a client of its servers. */
export const STATELESS_SCENARIOS: Readonly<Record<string, ClientScenario>> = {
  "tools_call": {},
  "request-metadata": {},
  "sep-2322-client-request-state": {},
  "http-standard-headers": { hasOtherItems: true },
  "http-custom-headers": {},
  "http-invalid-tool-headers": {},
  // The server of the scenario lists a tool, but does not know how it is called.
  "json-schema-ref-no-deref": { refusal: /Method not found/ },
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
  "auth/resource-mismatch": { refusal: /AUTH_REQUIRED.*which is not its own address/ },
  "auth/offline-access-scope": {},
  "auth/offline-access-not-supported": {},
  "auth/authorization-server-migration": {},
  "auth/iss-supported": {},
  "auth/iss-not-advertised": {},
  "auth/iss-supported-missing": { refusal: /AUTH_REQUIRED/ },
  "auth/iss-wrong-issuer": { refusal: /AUTH_REQUIRED/ },
  "auth/iss-unexpected": { refusal: /AUTH_REQUIRED/ },
  "auth/iss-normalized": { refusal: /AUTH_REQUIRED/ },
  "auth/metadata-issuer-mismatch": { refusal: /AUTH_REQUIRED/ },
  "auth/client-credentials-basic": { oauth: { grant: "client_credentials" } },
  "json-schema-2020-12-preservation": {
    chooseArgs: ({ name }, tools) => {
      const schema = tools.find((tool) => tool.name === "json_schema_2020_12_tool")?.inputSchema;
      return name === "json_schema_echo" ? { schema } : {};
    },
  },
};

/** Reasons for skipping other scenarios, none of which the revision requires. */
export const SKIPPED_STATELESS_SCENARIOS: Readonly<Record<string, string>> = {
  "auth/client-credentials-jwt":
    "an extension: the gateway gets tokens with client_id and client_secret, and an entry cannot " +
    "contain a private key",
  "auth/enterprise-managed-authorization":
    "an extension: a company's identity provider issues the token, and an entry cannot name one",
  "auth/dpop": "an extension that is a draft: tokens are not bound to keys",
  "auth/dpop-nonce": "an extension that is a draft: tokens are not bound to keys",
  "auth/wif-jwt-bearer":
    "an extension that is a draft: the platform of a workload issues the token, and an entry cannot name one",
};
