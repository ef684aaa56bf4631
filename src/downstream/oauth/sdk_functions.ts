/**
 * The functions of the official SDK that logins use. The bundle contains no other part of the SDK.
 */
export {
  buildDiscoveryUrls,
  checkResourceAllowed,
  computeScopeUnion,
  extractWWWAuthenticateParams,
  isStrictScopeSuperset,
  resourceUrlFromServerUrl,
  startAuthorization,
} from "@modelcontextprotocol/client";
