import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { isLoopback } from "../../loopback.ts";
import type { Authenticator, Credential } from "./authentication.ts";
import { errorResponse, unavailableResponse } from "./error_response.ts";
import type { RefusalReason } from "./refusals.ts";
import type { HttpRequestContext } from "./request_context.ts";
import { readHost } from "./request_head.ts";

/** The environment of handlers. */
export interface HttpEnv {
  Bindings: HttpRequestContext;
  Variables: {
    /** The credential of a request to `/mcp`; `undefined` if none are configured. */
    credential: Credential | undefined;
  };
}

type Middleware = MiddlewareHandler<HttpEnv>;

/** Matches an IP address, which is always a safe host: unlike a DNS name, it cannot be rebound. */
const IP_ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/i;

/** Headers that proxies add. If there is one, the address may be that of a proxy. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/**
 * Refuses requests whose `Host` is neither this machine's, nor the listener's, nor allowed. It protects
 * against DNS rebinding: a web page whose host name resolves to the listener's address sends its own host
 * name. A listener that is not on loopback also accepts every IP address.
 *
 * @param options The listener's address, and further allowed names in lower case.
 */
export function hostGuard(
  { host, allowedHosts }: { readonly host: string; readonly allowedHosts: readonly string[] },
): Middleware {
  const allowedNames = new Set([...allowedHosts, host.toLowerCase()]);
  const isLocal = isLoopback(host);
  return async (c, next) => {
    const name = readHost(c.req.header("host") ?? "");
    if (allowedNames.has(name) || isLoopback(name) || (!isLocal && IP_ADDRESS.test(name))) {
      return await next();
    }
    c.env.refusalReason = "host";
    return errorResponse(
      403,
      "This Host is not allowed; add it to GATEWAY_ALLOWED_HOSTS if it is the gateway's",
    );
  };
}

/**
 * Refuses requests of web pages, except those of allowed origins and, if the listener is on loopback,
 * of this machine. Programs other than browsers send no origin.
 *
 * @param options The listener's address, and the allowed origins in lower case.
 */
export function originGuard(
  { host, corsOrigins }: { readonly host: string; readonly corsOrigins: readonly string[] },
): Middleware {
  const isLocal = isLoopback(host);
  return async (c, next) => {
    const origin = c.req.header("origin");
    const { protocol = "", hostname = "" } = URL.parse(origin ?? "") ?? {};
    const isLocalPage = isLocal && /^https?:$/.test(protocol) && isLoopback(hostname);
    if (origin === undefined || isLocalPage || corsOrigins.includes(origin.toLowerCase())) {
      return await next();
    }
    c.env.refusalReason = "origin";
    return errorResponse(
      403,
      "Web pages of this Origin are not allowed; add it to GATEWAY_CORS_ORIGINS to allow them",
    );
  };
}

/** Headers that web pages may send. */
const ALLOWED_HEADERS = [
  "Accept",
  "Authorization",
  "Content-Type",
  "Last-Event-ID",
  "Mcp-Method",
  "Mcp-Name",
  "Mcp-Protocol-Version",
  "Mcp-Session-Id",
];

/** Matches a header with an argument of a tool, whose schema names it. */
const ARGUMENT_HEADER = /^mcp-param-[\w-]+$/i;

/** Allows web pages of these origins, in lower case, to read the responses. */
export function corsHeaders(corsOrigins: readonly string[]): Middleware {
  return async (c, next) => {
    if (c.req.header("origin") === undefined) return await next();
    const requestedHeaders = (c.req.header("access-control-request-headers") ?? "").split(",")
      .map((name) => name.trim());
    const withCors = cors({
      origin: (origin) => corsOrigins.includes(origin.toLowerCase()) ? origin : null,
      allowMethods: ["GET", "POST", "DELETE"],
      allowHeaders: [
        ...ALLOWED_HEADERS,
        ...requestedHeaders.filter((name) => ARGUMENT_HEADER.test(name)),
      ],
      exposeHeaders: ["Mcp-Session-Id", "WWW-Authenticate", "Retry-After"],
      maxAge: 600,
    });
    return await withCors(c, next);
  };
}

/** Refuses requests without a valid credential. */
export function authenticate(authenticator: Authenticator): Middleware {
  return async (c, next) => {
    const result = await authenticator.authenticate({
      authorization: c.req.header("authorization") ?? null,
      address: c.env.address,
      url: new URL(c.req.url),
    });
    if (result.kind !== "refused") {
      const credential = result.kind === "open" ? undefined : result.credential;
      c.set("credential", credential);
      const agent = credential?.agent;
      if (agent !== undefined) c.env.agent = agent;
      if (c.env.countConnection(agent)) return await next();
      c.env.refusalReason = "connections";
      return connectionShareResponse();
    }
    const { status, message, wwwAuthenticate, retryAfterS } = result;
    const hasToken = c.req.header("authorization") !== undefined;
    if (status !== 503) c.env.refusalReason = loginRefusal(status, hasToken);
    const headers: Record<string, string> = {};
    if (wwwAuthenticate !== undefined) headers["www-authenticate"] = wwwAuthenticate;
    if (retryAfterS !== undefined) headers["retry-after"] = String(retryAfterS);
    return errorResponse(status, message, { headers });
  };
}

function connectionShareResponse(): Response {
  return unavailableResponse(
    "The active requests of this agent use its share of the gateway's connections; try again when one is answered",
  );
}

function loginRefusal(status: 401 | 403 | 429, hasToken: boolean): RefusalReason {
  if (status === 401) return hasToken ? "invalid_token" : "no_token";
  return status === 403 ? "unknown_agent" : "too_many_logins";
}

/** Refuses requests without this bearer token. */
export function bearerOnly(token: string): Middleware {
  const hash = (text: string): Uint8Array => createHash("sha256").update(text).digest();
  const expected = hash(token);
  return async (c, next) => {
    // Unlike a credential, the metrics' token may have any visible ASCII character.
    const [, sentToken = ""] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
    // Hashes have the same length, as the comparison in constant time requires.
    if (timingSafeEqual(hash(sentToken), expected)) return await next();
    c.env.refusalReason = "metrics";
    return errorResponse(401, "The metrics require the bearer token of GATEWAY_METRICS_TOKEN", {
      headers: { "www-authenticate": "Bearer" },
    });
  };
}

/**
 * Refuses requests from other machines, including those that a proxy forwards. A gateway with
 * credentials refuses all requests, because it may be behind a proxy that adds no header.
 */
export function loopbackOnly(authenticator: Authenticator): Middleware {
  return async (c, next) => {
    if (authenticator.requiresCredential) {
      c.env.refusalReason = "metrics";
      return errorResponse(
        403,
        "The metrics of a gateway with credentials require a token: set GATEWAY_METRICS_TOKEN",
      );
    }
    const isForwarded = PROXY_HEADERS.some((name) => c.req.header(name) !== undefined);
    if (isLoopback(c.env.address) && !isForwarded) return await next();
    c.env.refusalReason = "metrics";
    return errorResponse(
      403,
      "Without GATEWAY_METRICS_TOKEN, only this machine may read the metrics",
    );
  };
}
