import { quoteServerText } from "../secrets.ts";
import type { ServerConfig } from "../../config/mod.ts";
import { REVISIONS } from "../../revisions.ts";
import {
  describeResponse,
  isOk,
  type MembersWith,
  type OAuthResponse,
  readMembers,
  sendRequest,
} from "./oauth_response.ts";
import { LoginFailure } from "./login_failure.ts";
import { parseSafeAddress } from "./safe_address.ts";
import { findBoundIssuer, requireBoundIssuer } from "./issuer_binding.ts";
import type { OAuthContext, Sdk } from "./sdk.ts";
import { isSameIssuer } from "./stored_login.ts";

/** The challenge in the `WWW-Authenticate` header of a server that refused a request. */
export interface OAuthChallenge {
  /** URL of the protected resource metadata. */
  readonly resourceMetadataUrl?: URL;
  /** The scope that the request needs. */
  readonly scope?: string;
  /** Whether `scope` is the complete scope to request: it includes what was requested before. */
  readonly isCompleteScope?: boolean;
}

/** Protected resource metadata (RFC 9728). */
export type ResourceMetadata = MembersWith<"resource">;

/** Authorization server metadata (RFC 8414). */
export type AuthorizationServerMetadata = MembersWith<
  "issuer" | "authorization_endpoint" | "token_endpoint" | "response_types_supported"
>;

/** An authorization server, and the parameters for requests to it. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly metadata: AuthorizationServerMetadata;
  /** Whether `metadata` was published; if not, it has the default endpoints of MCP 2025-03-26. */
  readonly hasMetadata: boolean;
  /** Whether the downstream server announces this issuer; if not, the issuer is the server's own origin. */
  readonly isAnnounced: boolean;
  /** The identifier of the downstream server as a resource (RFC 8707). */
  readonly resource: string | undefined;
  /** The scope to request. */
  readonly scope: string | undefined;
}

/** Options of metadata requests. */
const METADATA_REQUEST: RequestInit = {
  headers: { accept: "application/json", "mcp-protocol-version": REVISIONS[0] },
};

/** Parses the Bearer or DPoP challenge of a refused request. Skips challenges of other schemes before it. */
export function parseChallenge({ headers }: Response, sdk: Sdk): OAuthChallenge {
  const header = headers.get("www-authenticate") ?? "";
  const challenge = /\b(?:bearer|dpop)\s.*/i.exec(header)?.[0] ?? "";
  const { resourceMetadataUrl, scope } = sdk.extractWWWAuthenticateParams(
    new Response(null, { headers: { "www-authenticate": challenge } }),
  );
  return {
    ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    ...(scope === undefined ? {} : { scope }),
  };
}

/**
 * Finds the authorization server of a downstream server: the one in its protected resource metadata
 * (RFC 9728), otherwise one at its own address. The endpoints come from the metadata of the
 * authorization server (RFC 8414 or OpenID Connect), otherwise from the defaults of MCP 2025-03-26.
 *
 * @throws {LoginFailure} if there is no usable authorization server.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization}
 */
export async function discoverAuthorizationServer(
  challenge: OAuthChallenge,
  context: OAuthContext,
): Promise<AuthorizationServer> {
  const resourceSearch = await fetchResourceMetadata(challenge, context);
  const { metadata: resourceMetadata } = resourceSearch;
  if (resourceMetadata !== undefined) requireMatchingResource(resourceMetadata.resource, context);
  const { authorization_servers: announcedIssuers = [] } = resourceMetadata ?? {};
  const boundIssuer = await findBoundIssuer(context);
  const isBound = (issuer: string): boolean => isSameIssuer(issuer, boundIssuer ?? issuer);
  const announcedIssuer = announcedIssuers.find(isBound) ?? announcedIssuers[0];
  const isAnnounced = announcedIssuer !== undefined;
  const issuer = announcedIssuer ?? String(new URL("/", context.url));
  parseSafeAddress(issuer, "authorization server");
  const publishedMetadata = await fetchServerMetadata(issuer, { isAnnounced, context });
  // With invalid resource metadata, the issuer was only a guess.
  const { invalidMetadata } = resourceSearch;
  if (publishedMetadata === undefined && invalidMetadata !== undefined) throw invalidMetadata;
  const metadata = publishedMetadata ?? createDefaultMetadata(issuer);
  requireSafeEndpoints(metadata);
  // Default endpoints are only a guess, which must not exclude the right issuer later.
  const isKnown = isAnnounced || publishedMetadata !== undefined;
  await requireBoundIssuer(metadata.issuer, { boundIssuer, isKnown, context });
  return {
    issuer: metadata.issuer,
    metadata,
    hasMetadata: publishedMetadata !== undefined,
    isAnnounced,
    resource: resourceMetadata?.resource,
    scope: chooseScope(challenge, { resourceMetadata, metadata, context }),
  };
}

/** Result of a search for metadata at several URLs. */
interface MetadataSearchResult<T> {
  readonly metadata?: T;
  /** The error of the first invalid metadata, if no metadata was found. */
  readonly invalidMetadata?: LoginFailure;
  /** The first HTTP 5xx, if no metadata was found. Some servers return one for any unknown path. */
  readonly serverError?: { readonly url: URL; readonly response: OAuthResponse };
}

/**
 * Requests metadata from one URL after the other, until a URL returns valid metadata.
 */
async function fetchFirstMetadata<T>(
  urls: readonly URL[],
  read: (response: OAuthResponse, url: URL) => T,
  { fetchFn }: OAuthContext,
): Promise<MetadataSearchResult<T>> {
  let failures: MetadataSearchResult<T> = {};
  for (const url of urls) {
    const response = await sendRequest(url, { ...METADATA_REQUEST, fetchFn });
    try {
      if (isOk(response) && response.body !== undefined) return { metadata: read(response, url) };
      if (response.status >= 500) failures = { serverError: { url, response }, ...failures };
    } catch (error) {
      if (!(error instanceof LoginFailure)) throw error;
      failures = { invalidMetadata: error, ...failures };
    }
  }
  return failures;
}

/**
 * Fetches the protected resource metadata from the URL in the challenge, otherwise from the
 * well-known URLs.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3}
 */
export async function fetchResourceMetadata(
  { resourceMetadataUrl }: OAuthChallenge,
  context: OAuthContext,
): Promise<MetadataSearchResult<ResourceMetadata>> {
  const { origin, pathname, search } = new URL(context.url);
  const path = "/.well-known/oauth-protected-resource";
  const wellKnownUrls = [
    `${origin}${path}${pathname.replace(/\/$/, "")}${search}`,
    `${origin}${path}`,
  ];
  const challengeUrls = resourceMetadataUrl === undefined ? [] : [resourceMetadataUrl.href];
  const urls = [...new Set([...challengeUrls, ...wellKnownUrls])].map((url) => new URL(url));
  return await fetchFirstMetadata(urls, (response, url) => {
    const errorPrefix = `it publishes invalid metadata at ${url.origin}${url.pathname}`;
    return readMembers(response, { required: ["resource"], errorPrefix, config: context.config });
  }, context);
}

/**
 * Throws if the resource is not the downstream server: a token for another resource could be used
 * at another server.
 */
function requireMatchingResource(resource: string, { sdk, url, config }: OAuthContext): void {
  const serverUrl = sdk.resourceUrlFromServerUrl(url);
  // To the SDK, the address "/mcp" is not part of the resource "/mcp/". The address "/mcp/" is.
  serverUrl.pathname = serverUrl.pathname.replace(/\/?$/, "/");
  const isAllowed = sdk.checkResourceAllowed({
    requestedResource: serverUrl,
    configuredResource: resource,
  });
  if (isAllowed) return;
  const shownUrl = "url" in config.publicInfo ? config.publicInfo.url : serverUrl.origin;
  const quotedResource = quoteServerText(resource, config);
  const quotedUrl = quoteServerText(shownUrl, config);
  const message =
    `it says that logins are for ${quotedResource}, which is not its own address ${quotedUrl}; ` +
    "the gateway requests tokens only for the server itself. Check `url` in the servers file.";
  throw new LoginFailure(message, { canRetry: false });
}

/** Fetches the metadata of an authorization server; returns `undefined` if it publishes none. */
async function fetchServerMetadata(
  issuer: string,
  { isAnnounced, context }: { readonly isAnnounced: boolean; readonly context: OAuthContext },
): Promise<AuthorizationServerMetadata | undefined> {
  const { sdk, config } = context;
  const usesClientCredentials = config.options.oauth?.grant === "client_credentials";
  const urls = sdk.buildDiscoveryUrls(issuer).map(({ url }) => url);
  const search = await fetchFirstMetadata(urls, (response, url) => {
    const errorPrefix =
      `its authorization server publishes invalid metadata at ${url.origin}${url.pathname}`;
    const members = readMembers(response, {
      required: ["issuer", "token_endpoint"],
      errorPrefix,
      config,
    });
    if (!isSameIssuer(members.issuer, issuer)) {
      throw createIssuerMismatchError({ actual: members.issuer, expected: issuer }, config);
    }
    // The client credentials grant does not use this endpoint, so it may be missing.
    const { authorization_endpoint } = usesClientCredentials
      ? createDefaultMetadata(issuer)
      : readMembers(response, { required: ["authorization_endpoint"], errorPrefix, config });
    const { response_types_supported = ["code"] } = members;
    return { ...members, authorization_endpoint, response_types_supported };
  }, context);
  const { metadata, invalidMetadata, serverError } = search;
  if (metadata !== undefined) return metadata;
  if (invalidMetadata !== undefined) throw invalidMetadata;
  if (!isAnnounced || serverError === undefined) return undefined;
  const { url, response } = serverError;
  const message = `its authorization server publishes no metadata, and ${url.origin}` +
    `${url.pathname} answered ${describeResponse(response, config)}.`;
  throw new LoginFailure(message);
}

/** Creates the error for a response that names a different issuer than expected. */
export function createIssuerMismatchError(
  { actual, expected }: { readonly actual: string | undefined; readonly expected: string },
  config: ServerConfig,
): LoginFailure {
  const issuer = actual === undefined
    ? "no issuer"
    : `the issuer ${quoteServerText(actual, config)}`;
  const message =
    "the response came from a different authorization server than the one that was asked: it " +
    `names ${issuer} instead of ${quoteServerText(expected, config)}. The gateway ignored it.`;
  return new LoginFailure(message);
}

/**
 * Creates metadata with the default endpoints of MCP 2025-03-26.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization#fallbacks-for-servers-without-metadata-discovery}
 */
function createDefaultMetadata(issuer: string): AuthorizationServerMetadata {
  const resolve = (path: string): string => String(new URL(path, issuer));
  return {
    issuer,
    authorization_endpoint: resolve("/authorize"),
    token_endpoint: resolve("/token"),
    registration_endpoint: resolve("/register"),
    response_types_supported: ["code"],
  };
}

/** Throws if an endpoint has an unsafe address. */
function requireSafeEndpoints(metadata: AuthorizationServerMetadata): void {
  const { registration_endpoint, revocation_endpoint } = metadata;
  parseSafeAddress(metadata.authorization_endpoint, "login page");
  parseSafeAddress(metadata.token_endpoint, "token endpoint");
  if (registration_endpoint !== undefined) {
    parseSafeAddress(registration_endpoint, "registration endpoint");
  }
  if (revocation_endpoint !== undefined) {
    parseSafeAddress(revocation_endpoint, "revocation endpoint");
  }
}

/**
 * Chooses the scope to request: the complete scope in the challenge, otherwise the scopes in the
 * server's entry, otherwise the scope in the challenge, otherwise the scopes in the resource metadata.
 * To the last two, adds `offline_access` if a person logs in and the authorization server supports it.
 */
function chooseScope(
  challenge: OAuthChallenge,
  { resourceMetadata, metadata, context }: {
    readonly resourceMetadata: ResourceMetadata | undefined;
    readonly metadata: AuthorizationServerMetadata;
    readonly context: OAuthContext;
  },
): string | undefined {
  const { scopes, grant } = context.config.options.oauth ?? {};
  if (challenge.isCompleteScope === true) return challenge.scope;
  if (scopes !== undefined) return scopes.join(" ") || undefined;
  const scope = challenge.scope ?? (resourceMetadata?.scopes_supported?.join(" ") || undefined);
  // Without offline_access, some authorization servers issue no refresh token, and people would
  // have to log in every hour.
  const needsOfflineAccess = grant !== "client_credentials" && scope !== undefined &&
    metadata.scopes_supported?.includes("offline_access") === true &&
    !scope.split(" ").includes("offline_access");
  return needsOfflineAccess ? `${scope} offline_access` : scope;
}
