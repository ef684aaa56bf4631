import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { isLoopback } from "../../loopback.ts";
import type { Authenticator } from "./authentication.ts";
import type { Guard } from "./guard.ts";
import { type McpEnv, type McpOptions, mcpRoutes } from "./mcp_routes.ts";
import { refuse } from "./refusal.ts";

/** What the routes work with. */
export interface AppOptions extends McpOptions {
  /** Keeps web pages away. */
  readonly guard: Guard;
  /** Says who asks. */
  readonly authenticator: Authenticator;
  /** Whether every server that starts ahead has answered or failed. */
  readonly isReady: () => boolean;
  /** The figures in the text format of Prometheus. */
  readonly metrics: () => string;
  /** Who may read them from elsewhere. */
  readonly metricsToken: string | undefined;
  /** Takes what failed for a fault of ours. */
  readonly onFault: (error: unknown) => void;
}

/** Every path that there is; nothing else is even looked at, however it is written. */
export const PATHS: ReadonlySet<string> = new Set([
  "/mcp",
  "/health",
  "/ready",
  "/metrics",
  "/.well-known/oauth-protected-resource",
  "/.well-known/oauth-protected-resource/mcp",
]);

/** Where a protected resource says who gives out its tokens. @see {@link https://www.rfc-editor.org/rfc/rfc9728} */
const METADATA = [
  "/.well-known/oauth-protected-resource",
  "/.well-known/oauth-protected-resource/mcp",
];

/** What sits between a proxy and us says so; then an address says nothing of who asks. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/**
 * The routes and what stands before them.
 *
 * @param options See there.
 */
export function createApp(options: AppOptions): Hono<McpEnv> {
  const { guard, authenticator } = options;
  const app = new Hono<McpEnv>();
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/ready", (c) => {
    if (options.isDraining()) return c.json({ status: "draining" }, 503);
    return options.isReady() ? c.json({ status: "ready" }) : c.json({ status: "starting" }, 503);
  });

  app.use("*", async (c, next) => {
    if (!guard.allowsHost(c.req.header("host") ?? "")) {
      return refuse(403, "The gateway does not go by that Host; GATEWAY_ALLOWED_HOSTS names more");
    }
    if (!guard.allowsOrigin(c.req.header("origin"))) {
      return refuse(
        403,
        "Pages of that Origin may not ask; GATEWAY_CORS_ORIGINS names those that may",
      );
    }
    return await next();
  });
  app.get("/metrics", async (c) => {
    const refusal = await refuseFigures(c, options.metricsToken);
    if (refusal !== undefined) return refusal;
    return c.text(options.metrics(), 200, { "content-type": "text/plain; version=0.0.4" });
  });

  const withCors = cors({
    origin: (origin) => guard.allowsReading(origin) ? origin : null,
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
  app.use("*", async (c, next) => {
    return c.req.header("origin") === undefined ? await next() : await withCors(c, next);
  });
  for (const path of METADATA) {
    app.get(path, (c) => {
      const metadata = authenticator.metadata?.(new URL(c.req.url).origin);
      return metadata === undefined ? c.notFound() : c.json(metadata);
    });
  }

  app.use("/mcp", async (c, next) => {
    const who = await authenticator.authenticate({
      authorization: c.req.header("authorization") ?? null,
      address: c.env.address,
      url: new URL(c.req.url),
    });
    if (who.kind !== "refused") {
      c.set("credential", who.kind === "open" ? undefined : who.credential);
      return await next();
    }
    const { status, message, wwwAuthenticate, retryAfterS } = who;
    const headers: Record<string, string> = {};
    if (wwwAuthenticate !== undefined) headers["www-authenticate"] = wwwAuthenticate;
    if (retryAfterS !== undefined) headers["retry-after"] = String(retryAfterS);
    return refuse(status, message, { headers });
  });
  app.route("/mcp", mcpRoutes(options));

  app.notFound(() => refuse(404, "There is nothing here; the MCP endpoint is /mcp"));
  app.onError((error) => {
    options.onFault(error);
    return refuse(500, "The gateway failed to answer; its log has the reason", { code: -32603 });
  });
  return app;
}

/** Figures name agents and servers: they are for who has the token, or sits at the machine. */
async function refuseFigures(
  c: Context<McpEnv>,
  token: string | undefined,
): Promise<Response | undefined> {
  if (token === undefined) {
    const isForwarded = FORWARDED.some((name) => c.req.header(name) !== undefined);
    if (isLoopback(c.env.address) && !isForwarded) return undefined;
    return refuse(403, "Without GATEWAY_METRICS_TOKEN the figures are read from this machine only");
  }
  const [, given = ""] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (await areEqual(given, token)) return undefined;
  return refuse(401, "The figures need the bearer token of GATEWAY_METRICS_TOKEN", {
    headers: { "www-authenticate": "Bearer" },
  });
}

/** Compares in a time that says nothing of where the two differ. */
async function areEqual(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(async (text) => {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  }));
  if (a === undefined || b === undefined) return false;
  return a.reduce((difference, byte, index) => difference | (byte ^ (b[index] ?? 0)), 0) === 0;
}
