import { buildCommand, buildRouteMap } from "@stricli/core";
import type { Outputs } from "./audit.ts";
import type { AuthFlags, AuthStatusFlags } from "./auth.ts";
import type { Context } from "./context.ts";

const server = {
  brief: "Name of the server in the servers file",
  placeholder: "server",
  parse: String,
} as const;

const files = {
  mcpConfig: {
    kind: "parsed",
    parse: String,
    brief: "The servers file (GATEWAY_MCP_CONFIG)",
    optional: true,
  },
  rules: {
    kind: "parsed",
    parse: String,
    brief: "The rules file (GATEWAY_RULES)",
    optional: true,
  },
} as const;

const login = buildCommand<AuthFlags, [server: string], Context>({
  loader: async () => {
    const { authLogin } = await import("./auth.ts");
    return async function (this: Context, flags: AuthFlags, server: string) {
      this.exitCode = await authLogin({ ...flags, server }, this.process as Outputs);
    };
  },
  parameters: { flags: files, positional: { kind: "tuple", parameters: [server] } },
  docs: {
    brief: "Log in to a server in the browser",
    fullDescription:
      "Opens the login page of a remote server in the browser, waits until you have logged in, and " +
      "stores the tokens in your configuration folder, where all your gateways find them.\n\n" +
      "Example: agent-mcp-gateway auth login github",
  },
});

const status = buildCommand<AuthStatusFlags, [server?: string], Context>({
  loader: async () => {
    const { authStatus } = await import("./auth.ts");
    return async function (this: Context, flags: AuthStatusFlags, server?: string) {
      this.exitCode = await authStatus({ ...flags, server }, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      ...files,
      json: { kind: "boolean", withNegated: false, default: false, brief: "Print JSON" },
    },
    positional: { kind: "tuple", parameters: [{ ...server, optional: true }] },
  },
  docs: {
    brief: "Show which servers you are logged in to",
    fullDescription:
      "Shows the logins that are stored on this machine, without asking any server.\n\n" +
      "Example: agent-mcp-gateway auth status --json",
  },
});

const logout = buildCommand<AuthFlags, [server: string], Context>({
  loader: async () => {
    const { authLogout } = await import("./auth.ts");
    return async function (this: Context, flags: AuthFlags, server: string) {
      this.exitCode = await authLogout({ ...flags, server }, this.process as Outputs);
    };
  },
  parameters: { flags: files, positional: { kind: "tuple", parameters: [server] } },
  docs: {
    brief: "Log out of a server",
    fullDescription:
      "Revokes the tokens if the login service supports it, and removes them from this machine.\n\n" +
      "Example: agent-mcp-gateway auth logout github",
  },
});

/** `auth login`, `auth status` and `auth logout`. */
export const auth = buildRouteMap<"login" | "status" | "logout", Context>({
  routes: { login, status, logout },
  docs: { brief: "Log in to remote servers" },
});
