import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { isLoopback } from "../../loopback.ts";
import type { Authenticator, Credential } from "./authentication.ts";
import { refuse } from "./refusal.ts";
import type { RequestContext } from "./request_context.ts";
import { readHost } from "./request_head.ts";

/** What handlers find beside the request. */
export interface HttpEnv {
  Bindings: RequestContext;
  Variables: {
    /** Who sent a request to `/mcp`; `undefined` where no credentials are configured. */
    credential: Credential | undefined;
  };
}

type Middleware = MiddlewareHandler<HttpEnv>;

/** An address cannot be rebound: what a browser finds under it is what it asked for. */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/i;

/** Headers of proxies; behind one, the address says nothing about who asks. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/**
 * Refuses requests that were sent to another name than the listener's: a web page that has had its
 * own name bound to our address (DNS rebinding) is known by that name.
 *
 * @param options The address that is listened on, and further names in lower case.
 */
export function hostGuard(
  { host, allowedHosts }: { readonly host: string; readonly allowedHosts: readonly string[] },
): Middleware {
  const allowed = new Set([...allowedHosts, host.toLowerCase()]);
  const isLocal = isLoopback(host);
  return async (c, next) => {
    const name = readHost(c.req.header("host") ?? "");
    if (allowed.has(name) || isLoopback(name) || (!isLocal && ADDRESS.test(name))) {
      return await next();
    }
    return refuse(403, "The gateway does not go by that Host; GATEWAY_ALLOWED_HOSTS names more");
  };
}

/**
 * Refuses requests of web pages, but for those of listed origins and, on a listener on loopback, of
 * this machine. Programs that are no browsers send no origin.
 *
 * @param options The address that is listened on, and the listed origins in lower case.
 */
export function originGuard(
  { host, corsOrigins }: { readonly host: string; readonly corsOrigins: readonly string[] },
): Middleware {
  const isLocal = isLoopback(host);
  return async (c, next) => {
    const origin = c.req.header("origin");
    const { protocol = "", hostname = "" } = URL.parse(origin ?? "") ?? {};
    const isOwn = isLocal && /^https?:$/.test(protocol) && isLoopback(hostname);
    if (origin === undefined || isOwn || corsOrigins.includes(origin.toLowerCase())) {
      return await next();
    }
    return refuse(
      403,
      "Pages of that Origin may not ask; GATEWAY_CORS_ORIGINS names those that may",
    );
  };
}

/** Lets web pages of the listed origins, in lower case, read the answers. */
export function corsHeaders(corsOrigins: readonly string[]): Middleware {
  const withCors = cors({
    origin: (origin) => corsOrigins.includes(origin.toLowerCase()) ? origin : null,
    allowMethods: ["GET", "POST", "DELETE"],
    allowHeaders: [
      "Accept",
      "Authorization",
      "Content-Type",
      "Last-Event-ID",
      "Mcp-Protocol-Version",
      "Mcp-Session-Id",
    ],
    exposeHeaders: ["Mcp-Session-Id", "WWW-Authenticate", "Retry-After"],
    maxAge: 600,
  });
  return async (c, next) => {
    return c.req.header("origin") === undefined ? await next() : await withCors(c, next);
  };
}

/** Finds out who sent a request, or refuses it. */
export function authenticate(authenticator: Authenticator): Middleware {
  return async (c, next) => {
    const result = await authenticator.authenticate({
      authorization: c.req.header("authorization") ?? null,
      address: c.env.address,
      url: new URL(c.req.url),
    });
    if (result.kind !== "refused") {
      c.set("credential", result.kind === "open" ? undefined : result.credential);
      return await next();
    }
    const { status, message, wwwAuthenticate, retryAfterS } = result;
    const headers: Record<string, string> = {};
    if (wwwAuthenticate !== undefined) headers["www-authenticate"] = wwwAuthenticate;
    if (retryAfterS !== undefined) headers["retry-after"] = String(retryAfterS);
    return refuse(status, message, { headers });
  };
}

/** Refuses requests without this bearer token. */
export function bearerOnly(token: string): Middleware {
  const hash = (text: string): Uint8Array => createHash("sha256").update(text).digest();
  const expected = hash(token);
  return async (c, next) => {
    const [, given = ""] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
    // Hashes are of one length, and are compared in a time that says nothing of the token.
    if (timingSafeEqual(hash(given), expected)) return await next();
    return refuse(401, "The figures need the bearer token of GATEWAY_METRICS_TOKEN", {
      headers: { "www-authenticate": "Bearer" },
    });
  };
}

/** Refuses requests from other machines, and those that a proxy may have brought from there. */
export function loopbackOnly(): Middleware {
  return async (c, next) => {
    const isForwarded = FORWARDED.some((name) => c.req.header(name) !== undefined);
    if (isLoopback(c.env.address) && !isForwarded) return await next();
    return refuse(403, "Without GATEWAY_METRICS_TOKEN the figures are read from this machine only");
  };
}
