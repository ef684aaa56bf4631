import type { ServerConfig } from "../../config/mod.ts";
import { REVISIONS } from "../../revisions.ts";
import {
  type Answer,
  ask,
  describeAnswer,
  isOk,
  type MembersWith,
  readMembers,
} from "./answers.ts";
import { LoginFailed, quoteServer } from "./failures.ts";
import { safeAddress } from "./safe_address.ts";
import type { Requests, Sdk } from "./sdk.ts";

/** What a server says when it refuses a request. */
export interface Challenge {
  /** Where it describes itself. */
  readonly resourceMetadataUrl?: URL;
  /** The scope that the request needs. */
  readonly scope?: string;
  /** Whether that is all to ask for, with what was asked for before. */
  readonly isWhole?: boolean;
}

/** What a server says about itself. */
export type ResourceMetadata = MembersWith<"resource">;

/** What a login service says about itself. */
export type ServiceMetadata = MembersWith<
  "issuer" | "authorization_endpoint" | "token_endpoint" | "response_types_supported"
>;

/** Where people log in for a server. */
export interface LoginService {
  /** Who gives the tokens. */
  readonly issuer: string;
  /** Its endpoints. */
  readonly metadata: ServiceMetadata;
  /** Whether it described itself; if not, the endpoints are those of the first revision. */
  readonly isDescribed: boolean;
  /** Whether the server named it; if not, it is at the server's own address. */
  readonly isNamed: boolean;
  /** The resource that tokens are asked for, as the server names itself. */
  readonly resource: string | undefined;
  /** The scope to ask for. */
  readonly scope: string | undefined;
}

/** How descriptions are asked for. */
const GET: RequestInit = {
  headers: { accept: "application/json", "mcp-protocol-version": REVISIONS[0] },
};

/**
 * Reads what a server says when it refuses a request. Other schemes may stand before the one that
 * counts.
 *
 * @param refusal The answer.
 * @param sdk The SDK.
 */
export function readChallenge({ headers }: Response, sdk: Sdk): Challenge {
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
 * Finds out where people log in for a server: from its own description (RFC 9728), else at its own
 * address; then from the login service's (RFC 8414 or OpenID), else the endpoints of MCP 2025-03-26.
 *
 * @param challenge What the server said.
 * @param requests How requests are made.
 * @throws {LoginFailed} where there is no login to be found.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization}
 */
export async function discover(challenge: Challenge, requests: Requests): Promise<LoginService> {
  const { found: described, fault } = await describeResource(challenge, requests);
  if (described !== undefined) checkResource(described.resource, requests);
  const { authorization_servers: [named] = [] } = described ?? {};
  const service = named ?? String(new URL("/", requests.url));
  safeAddress(service, "login service");
  const metadata = await describeService(service, { isNamed: named !== undefined, requests });
  // Without a description that can be read, a login was a guess, which came to nothing.
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

/** A description that was looked for at several addresses. */
interface Described<T> {
  readonly found?: T;
  /** What was wrong with the first that could not be used. */
  readonly fault?: LoginFailed;
  /** The first address that failed; of a server without logins any unknown address may do that. */
  readonly broken?: LoginFailed;
}

/**
 * Asks for a description at one address after the other. An address that answers with a page, an
 * error, or a description that is wrong, has none.
 */
async function findDescription<T>(
  addresses: readonly URL[],
  read: (answer: Answer, address: URL) => T,
  { fetchFn, config }: Requests,
): Promise<Described<T>> {
  let missed: Described<T> = {};
  for (const address of addresses) {
    const answer = await ask(address, GET, fetchFn);
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
 * What a server says about itself: at the address that it names, else at the known ones.
 *
 * @param challenge What the server said.
 * @param requests How requests are made.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3}
 */
export async function describeResource(
  { resourceMetadataUrl }: Challenge,
  requests: Requests,
): Promise<Described<ResourceMetadata>> {
  const { origin, pathname, search } = new URL(requests.url);
  const place = "/.well-known/oauth-protected-resource";
  const known = [`${origin}${place}${pathname.replace(/\/$/, "")}${search}`, `${origin}${place}`];
  const named = resourceMetadataUrl === undefined ? [] : [resourceMetadataUrl.href];
  const addresses = [...new Set([...named, ...known])].map((address) => new URL(address));
  return await findDescription(addresses, (answer, address) => {
    const complaint = `it publishes invalid metadata at ${address.origin}${address.pathname}`;
    return readMembers(answer, { required: ["resource"], complaint, config: requests.config });
  }, requests);
}

/** No token is asked for that is good for another server. */
function checkResource(resource: string, { sdk, url, config }: Requests): void {
  const own = sdk.resourceUrlFromServerUrl(url);
  // The SDK compares lengths first, and takes "/mcp/" for something within "/mcp".
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

/** What a login service says about itself; `undefined` where it says nothing. */
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
    if (!isSameIssuer(members.issuer, service)) throw wrongIssuer(members.issuer, service, config);
    // A service that no person logs in at needs no page for it.
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
 * Whether two names are of one issuer. A slash at the end tells none apart, because the description of
 * both lies at the same address.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-3.1}
 */
function isSameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, "") === other.replace(/\/$/, "");
}

/**
 * The failure of an answer that names another issuer than the one that was asked.
 *
 * @param got Whom it names, if anybody.
 * @param wanted Whom it should name.
 * @param config The server's entry.
 */
export function wrongIssuer(
  got: string | undefined,
  wanted: string,
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

/** What a refusal widened the scope to; else the operator's scopes; else those the request needs, those the server knows, or none. */
function chooseScope(
  challenge: Challenge,
  described: ResourceMetadata | undefined,
  { scopes_supported: offered }: ServiceMetadata,
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
