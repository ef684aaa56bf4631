import type { ServerConfig } from "../../config/mod.ts";
import { REVISIONS } from "../../revisions.ts";
import {
  ask,
  describeAnswer,
  isOk,
  type MembersWith,
  type OAuthAnswer,
  readMembers,
} from "./answers.ts";
import { LoginFailed, quoteServer } from "./failures.ts";
import { safeAddress } from "./safe_address.ts";
import type { Requests, Sdk } from "./sdk.ts";

/** Challenge of a server that refused a request (the `WWW-Authenticate` header). */
export interface OAuthChallenge {
  /** URL of the protected resource metadata. */
  readonly resourceMetadataUrl?: URL;
  /** The scope that the request needs. */
  readonly scope?: string;
  /** Whether `scope` is the complete scope to request, including what was requested before. */
  readonly isWhole?: boolean;
}

/** Protected resource metadata (RFC 9728). */
export type ResourceMetadata = MembersWith<"resource">;

/** Authorization server metadata (RFC 8414). */
export type ServiceMetadata = MembersWith<
  "issuer" | "authorization_endpoint" | "token_endpoint" | "response_types_supported"
>;

/** The authorization server of a downstream server. */
export interface LoginService {
  readonly issuer: string;
  readonly metadata: ServiceMetadata;
  /** Whether it publishes metadata; if not, the endpoints are the defaults of MCP 2025-03-26. */
  readonly isDescribed: boolean;
  /** Whether the downstream server names it; if not, it is at that server's own address. */
  readonly isNamed: boolean;
  /** The resource that tokens are requested for, as the downstream server names itself. */
  readonly resource: string | undefined;
  /** The scope to request. */
  readonly scope: string | undefined;
}

/** Options of metadata requests. */
const GET: RequestInit = {
  headers: { accept: "application/json", "mcp-protocol-version": REVISIONS[0] },
};

/**
 * Reads the challenge of a refused request. Challenges of other schemes may precede the right one.
 */
export function readChallenge({ headers }: Response, sdk: Sdk): OAuthChallenge {
  const all = headers.get("www-authenticate") ?? "";
  const own = /\b(?:bearer|dpop)\s.*/i.exec(all)?.[0] ?? "";
  const { resourceMetadataUrl, scope } = sdk.extractWWWAuthenticateParams(
    new Response(null, { headers: { "www-authenticate": own } }),
  );
  return {
    ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    ...(scope === undefined ? {} : { scope }),
  };
}

/**
 * Finds the authorization server: from the protected resource metadata (RFC 9728), otherwise at
 * the server's own address. Its endpoints come from its metadata (RFC 8414 or OpenID), otherwise
 * from the defaults of MCP 2025-03-26.
 *
 * @throws {LoginFailed} if the server offers no usable login.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization}
 */
export async function discover(
  challenge: OAuthChallenge,
  requests: Requests,
): Promise<LoginService> {
  const { found: described, fault } = await describeResource(challenge, requests);
  if (described !== undefined) checkResource(described.resource, requests);
  const { authorization_servers: [named] = [] } = described ?? {};
  const service = named ?? String(new URL("/", requests.url));
  safeAddress(service, "login service");
  const metadata = await describeService(service, { isNamed: named !== undefined, requests });
  // Without readable metadata the login was only a guess, and it failed.
  if (metadata === undefined && fault !== undefined) throw fault;
  const found = metadata ?? firstRevision(service);
  checkEndpoints(found);
  return {
    issuer: found.issuer,
    metadata: found,
    isDescribed: metadata !== undefined,
    isNamed: named !== undefined,
    resource: described?.resource,
    scope: chooseScope(challenge, described, found, requests),
  };
}

/** Result of a search for metadata at several addresses. */
interface Described<T> {
  readonly found?: T;
  /** Why the first invalid metadata could not be used. */
  readonly fault?: LoginFailed;
  /** The first server error. A server without logins may answer so at any unknown address. */
  readonly broken?: LoginFailed;
}

/**
 * Requests metadata from one address after the other. An address that answers with a page, an error
 * or invalid metadata is skipped.
 */
async function findDescription<T>(
  addresses: readonly URL[],
  read: (answer: OAuthAnswer, address: URL) => T,
  { fetchFn, config }: Requests,
): Promise<Described<T>> {
  let missed: Described<T> = {};
  for (const address of addresses) {
    const answer = await ask(address, { ...GET, fetchFn });
    try {
      if (isOk(answer) && answer.body !== undefined) return { found: read(answer, address) };
      if (answer.status >= 500) {
        const message = `its login service publishes no metadata, and ${address.origin}` +
          `${address.pathname} answered ${describeAnswer(answer, config)}.`;
        missed = { broken: new LoginFailed(message), ...missed };
      }
    } catch (fault) {
      if (!(fault instanceof LoginFailed)) throw fault;
      missed = { fault, ...missed };
    }
  }
  return missed;
}

/**
 * Reads the protected resource metadata: at the address in the challenge, otherwise at the
 * well-known addresses.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3}
 */
export async function describeResource(
  { resourceMetadataUrl }: OAuthChallenge,
  requests: Requests,
): Promise<Described<ResourceMetadata>> {
  const { origin, pathname, search } = new URL(requests.url);
  const path = "/.well-known/oauth-protected-resource";
  const known = [`${origin}${path}${pathname.replace(/\/$/, "")}${search}`, `${origin}${path}`];
  const named = resourceMetadataUrl === undefined ? [] : [resourceMetadataUrl.href];
  const addresses = [...new Set([...named, ...known])].map((address) => new URL(address));
  return await findDescription(addresses, (answer, address) => {
    const complaint = `it publishes invalid metadata at ${address.origin}${address.pathname}`;
    return readMembers(answer, { required: ["resource"], complaint, config: requests.config });
  }, requests);
}

/** Throws if tokens for the resource would be valid for another server. */
function checkResource(resource: string, { sdk, url, config }: Requests): void {
  const own = sdk.resourceUrlFromServerUrl(url);
  // The SDK compares lengths first, and would treat "/mcp/" as a path within "/mcp".
  own.pathname = own.pathname.replace(/\/?$/, "/");
  const isIts = sdk.checkResourceAllowed({ requestedResource: own, configuredResource: resource });
  if (isIts) return;
  const shown = "url" in config.shown ? config.shown.url : own.origin;
  const message =
    `it says that logins are for ${quoteServer(resource, config)}, which is not its ` +
    `own address ${
      quoteServer(shown, config)
    }; the gateway asks for no token for another server. Check \`url\` in the ` +
    "servers file.";
  throw new LoginFailed(message, { canRetry: false });
}

/** Reads the metadata of an authorization server; `undefined` if it publishes none. */
async function describeService(
  service: string,
  { isNamed, requests }: { readonly isNamed: boolean; readonly requests: Requests },
): Promise<ServiceMetadata | undefined> {
  const { sdk, config } = requests;
  const isOwn = config.options.oauth?.grant === "client_credentials";
  const addresses = sdk.buildDiscoveryUrls(service).map(({ url }) => url);
  const { found, fault, broken } = await findDescription(addresses, (answer, address) => {
    const complaint =
      `its login service publishes invalid metadata at ${address.origin}${address.pathname}`;
    const members = readMembers(answer, {
      required: ["issuer", "token_endpoint"],
      complaint,
      config,
    });
    if (!isSameIssuer(members.issuer, service)) {
      throw wrongIssuer({ got: members.issuer, wanted: service }, config);
    }
    // A service for client credentials needs no login page.
    const { authorization_endpoint } = isOwn
      ? firstRevision(service)
      : readMembers(answer, { required: ["authorization_endpoint"], complaint, config });
    const { response_types_supported = ["code"] } = members;
    return { ...members, authorization_endpoint, response_types_supported };
  }, requests);
  const failure = fault ?? (isNamed ? broken : undefined);
  if (found === undefined && failure !== undefined) throw failure;
  return found;
}

/**
 * Whether two identifiers name the same issuer. A trailing slash makes no difference, because the
 * metadata of both is at the same address.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-3.1}
 */
function isSameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, "") === other.replace(/\/$/, "");
}

/** Makes the error for a response that names another issuer than expected. */
export function wrongIssuer(
  { got, wanted }: { readonly got: string | undefined; readonly wanted: string },
  config: ServerConfig,
): LoginFailed {
  const named = got === undefined ? "no issuer" : `the issuer ${quoteServer(got, config)}`;
  const message =
    "the answer came from a different login service than the one that was asked: it names " +
    `${named} instead of ${quoteServer(wanted, config)}. The gateway ignored it.`;
  return new LoginFailed(message);
}

/** @see {@link https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization#fallbacks-for-servers-without-metadata-discovery} */
function firstRevision(service: string): ServiceMetadata {
  const at = (path: string): string => String(new URL(path, service));
  return {
    issuer: service,
    authorization_endpoint: at("/authorize"),
    token_endpoint: at("/token"),
    registration_endpoint: at("/register"),
    response_types_supported: ["code"],
  };
}

function checkEndpoints(metadata: ServiceMetadata): void {
  const { authorization_endpoint, token_endpoint, ...more } = metadata;
  safeAddress(authorization_endpoint, "login page");
  safeAddress(token_endpoint, "token endpoint");
  const { registration_endpoint: registration, revocation_endpoint: revocation } = more;
  if (registration !== undefined) safeAddress(registration, "registration endpoint");
  if (revocation !== undefined) safeAddress(revocation, "revocation endpoint");
}

/**
 * The first of these: the whole scope of the challenge, the operator's scopes, the scope that the
 * request needs, the scopes that the server supports.
 */
function chooseScope(
  challenge: OAuthChallenge,
  described: ResourceMetadata | undefined,
  { scopes_supported: offered }: ServiceMetadata,
  { config }: Requests,
): string | undefined {
  const { scopes, grant } = config.options.oauth ?? {};
  if (challenge.isWhole === true) return challenge.scope;
  if (scopes !== undefined) return scopes.join(" ") || undefined;
  const scope = challenge.scope ?? (described?.scopes_supported?.join(" ") || undefined);
  // Without offline_access some services give no refresh token, and people would log in every hour.
  const wantsOffline = grant !== "client_credentials" && scope !== undefined &&
    offered?.includes("offline_access") === true && !scope.split(" ").includes("offline_access");
  return wantsOffline ? `${scope} offline_access` : scope;
}
