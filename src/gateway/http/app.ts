import { Hono } from "hono";
import type { Settings } from "../../config/mod.ts";
import type { Authenticator } from "./authentication.ts";
import { type McpOptions, mcpRoutes } from "./mcp_routes.ts";
import {
  authenticate,
  bearerOnly,
  corsHeaders,
  hostGuard,
  type HttpEnv,
  loopbackOnly,
  originGuard,
} from "./middleware.ts";
import { errorResponse } from "./error_response.ts";
import { METADATA_PATH } from "./rules_authenticator.ts";

/** Options of the routes. */
export interface AppOptions extends McpOptions {
  /** The allowed hosts and origins, and the token for `/metrics`. */
  readonly settings: Pick<Settings, "host" | "allowedHosts" | "corsOrigins" | "metricsToken">;
  readonly authenticator: Authenticator;
  /** Whether every server that starts with the gateway has answered or failed. */
  readonly isReady: () => boolean;
  /** Returns the metrics in the text format of Prometheus. */
  readonly metrics: () => string;
  /** Called when a handler throws, which is a bug of the gateway. */
  readonly onInternalError: (error: unknown) => void;
}

/** Paths of the protected resource metadata. @see {@link https://www.rfc-editor.org/rfc/rfc9728} */
const METADATA_PATHS = ["/.well-known/oauth-protected-resource", METADATA_PATH];

/**
 * Creates the routes of the service with their middlewares.
 */
export function createApp(options: AppOptions): Hono<HttpEnv> {
  const { settings, authenticator, isDraining, isReady, metrics, onInternalError } = options;
  const { corsOrigins, metricsToken } = settings;
  const app = new Hono<HttpEnv>();
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/ready", (c) => {
    const startStatus = isReady() ? "ready" : "starting";
    const status = isDraining() ? "draining" : startStatus;
    return c.json({ status }, status === "ready" ? 200 : 503);
  });

  app.use(hostGuard(settings), originGuard(settings));
  const metricsGuard = metricsToken === undefined
    ? loopbackOnly(authenticator)
    : bearerOnly(metricsToken);
  app.get("/metrics", metricsGuard, (c) => {
    return c.text(metrics(), 200, { "content-type": "text/plain; version=0.0.4" });
  });

  app.use(corsHeaders(corsOrigins));
  for (const path of METADATA_PATHS) {
    app.get(path, (c) => {
      const metadata = authenticator.buildMetadata?.(new URL(c.req.url).origin);
      return metadata === undefined ? c.notFound() : c.json(metadata);
    });
  }

  app.use("/mcp", authenticate(authenticator));
  app.route("/mcp", mcpRoutes(options));

  app.notFound(() => errorResponse(404, "There is nothing here; the MCP endpoint is /mcp"));
  app.onError((error) => {
    onInternalError(error);
    return errorResponse(500, "The gateway failed to answer; its log has the reason", {
      code: -32603,
    });
  });
  return app;
}
