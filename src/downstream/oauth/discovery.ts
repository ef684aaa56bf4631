import type {
  AuthorizationServerMetadata,
  OAuthProtectedResourceMetadata,
} from "@modelcontextprotocol/client";
import { LoginFailed, quoteServer, Unreachable } from "./failures.ts";
import { safeAddress, UnsafeAddress } from "./safe_address.ts";
import { readFailure, type Requests } from "./sdk.ts";

/** What a server says when it refuses a request. */
export interface Challenge {
  /** Where it describes itself. */
  readonly resourceMetadataUrl?: URL;
  /** The scope that the request needs. */
  readonly scope?: string;
  /** Whether that is all to ask for, with what was asked for before. */
  readonly isWhole?: boolean;
}

/** Where people log in for a server. */
export interface LoginService {
  /** Who gives the tokens. */
  readonly issuer: string;
  /** Its endpoints. */
  readonly metadata: AuthorizationServerMetadata;
  /** Whether it described itself; if not, the endpoints are those of the first revision. */
  readonly isDescribed: boolean;
  /** The resource that tokens are asked for, as the server names itself. */
  readonly resource: string | undefined;
  /** The scope to ask for. */
  readonly scope: string | undefined;
}

/**
 * Finds out where people log in for a server: from its own description (RFC 9728), else at its own
 * address; then from the login service's (RFC 8414 or OpenID), else the endpoints of MCP 2025-03-26.
 *
 * @param challenge What the server said.
 * @param requests How requests are made.
 * @throws {LoginFailed} where there is no login to be found.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization}
 */
export async function discover(challenge: Challenge, requests: Requests): Promise<LoginService> {
  const { sdk, url, config, fetchFn } = requests;
  const described = await describeResource(challenge, requests);
  if (described !== undefined) {
    const isIts = sdk.checkResourceAllowed({
      requestedResource: sdk.resourceUrlFromServerUrl(url),
      configuredResource: described.resource,
    });
    if (!isIts) {
      const named = quoteServer(described.resource, config);
      const message = `it says that logins are for ${named}, which is not its own address; ` +
        "no token is asked for that. Check `url` in the servers file.";
      throw new LoginFailed(message, { canRetry: false });
    }
  }
  const [service = String(new URL("/", url))] = described?.authorization_servers ?? [];
  let metadata: AuthorizationServerMetadata | undefined;
  try {
    safeAddress(service, "login service");
    metadata = await sdk.discoverAuthorizationServerMetadata(service, { fetchFn });
  } catch (error) {
    throw readFailure(error, "to describe itself", requests);
  }
  const found = metadata ?? firstRevision(service);
  checkEndpoints(found);
  return {
    issuer: found.issuer,
    metadata: found,
    isDescribed: metadata !== undefined,
    resource: described?.resource,
    scope: chooseScope(challenge, described, found, requests),
  };
}

/** What the server says about itself; `undefined` where it says nothing. */
async function describeResource(
  { resourceMetadataUrl }: Challenge,
  { sdk, url, fetchFn }: Requests,
): Promise<OAuthProtectedResourceMetadata | undefined> {
  try {
    const options = resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl };
    return await sdk.discoverOAuthProtectedResourceMetadata(url, options, fetchFn);
  } catch (error) {
    const isFatal = error instanceof Unreachable || error instanceof UnsafeAddress ||
      error instanceof DOMException;
    if (isFatal) throw error;
    return undefined;
  }
}

/** @see {@link https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization#fallbacks-for-servers-without-metadata-discovery} */
function firstRevision(service: string): AuthorizationServerMetadata {
  const at = (path: string): string => String(new URL(path, service));
  return {
    issuer: service,
    authorization_endpoint: at("/authorize"),
    token_endpoint: at("/token"),
    registration_endpoint: at("/register"),
    response_types_supported: ["code"],
  };
}

function checkEndpoints(metadata: AuthorizationServerMetadata): void {
  safeAddress(metadata.authorization_endpoint, "login page");
  safeAddress(metadata.token_endpoint, "token endpoint");
  if (metadata.registration_endpoint !== undefined) {
    safeAddress(metadata.registration_endpoint, "registration endpoint");
  }
  const revocation = revocationEndpoint(metadata);
  if (revocation !== undefined) safeAddress(revocation, "revocation endpoint");
}

/** Where tokens are revoked, where the login service can do that. */
export function revocationEndpoint(metadata: AuthorizationServerMetadata): string | undefined {
  if (!("revocation_endpoint" in metadata)) return undefined;
  const { revocation_endpoint: endpoint } = metadata;
  return typeof endpoint === "string" ? endpoint : undefined;
}

/** What a refusal widened the scope to; else the operator's scopes; else those the request needs, those the server knows, or none. */
function chooseScope(
  challenge: Challenge,
  described: OAuthProtectedResourceMetadata | undefined,
  { scopes_supported: offered }: AuthorizationServerMetadata,
  { config }: Requests,
): string | undefined {
  const { scopes, grant } = config.options.oauth ?? {};
  if (challenge.isWhole === true) return challenge.scope;
  if (scopes !== undefined) return scopes.join(" ") || undefined;
  const scope = challenge.scope ?? (described?.scopes_supported?.join(" ") || undefined);
  // Without it some services give no refresh token, and people would log in every hour.
  const wantsOffline = grant !== "client_credentials" && scope !== undefined &&
    offered?.includes("offline_access") === true && !scope.split(" ").includes("offline_access");
  return wantsOffline ? `${scope} offline_access` : scope;
}
