import { getHttpConfig, type ServerConfig } from "../config/mod.ts";
import {
  type AccountOptions,
  logIn,
  type LoginState,
  logOut,
  readLoginState,
} from "../downstream/mod.ts";
import { DownstreamError } from "../errors.ts";
import {
  defineCommand,
  defineGroup,
  FILE_FLAGS,
  JSON_FLAG,
  optional,
  serverArgument,
} from "./command.ts";
import { withInterrupts } from "./interrupts.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { openConfiguration, type OpenedConfiguration } from "./open_configuration.ts";
import { findServer } from "./resolve_names.ts";
import { jsonOutput } from "./terminal.ts";
import { escapeControls } from "../text.ts";

const SERVER = serverArgument("Name of the server in the servers file");

const login = defineCommand({
  about:
    "Opens the login page of a remote server in the browser, waits until you have logged in, and " +
    "stores the tokens in your configuration folder, where all your gateways find them.",
  example: "agent-mcp-gateway auth login github",
  flags: FILE_FLAGS,
  args: [SERVER],
  async run({ flags, args: [name], stdout, stderr }) {
    const opened = await openConfiguration(flags);
    const config = findAvailableServer(name, opened);
    const show = (url: string): void => {
      const intro =
        "Log in with this link in a browser on this machine; it should open automatically:";
      stderr.write(`${intro}\n\n  ${url}\n\nWaiting for the login; press Ctrl-C to cancel.\n`);
    };
    const outcome = await withAccountOptions(
      opened,
      (options) => logIn(config, { ...options, show }),
    );
    // The new login may belong to another account, to which the server offers other tools.
    if (outcome.kind === "done") await openCatalogs(opened.log)?.remove(config);
    stdout.write(
      outcome.kind === "done"
        ? `Logged in to "${name}" through ${escapeControls(outcome.issuer)}\n`
        : `Server "${name}" needs no login: ${outcome.reason}\n`,
    );
    return 0;
  },
});

const status = defineCommand({
  about: "Shows the logins that are stored on this machine, without asking any server.",
  example: "agent-mcp-gateway auth status --json",
  flags: { ...FILE_FLAGS, json: JSON_FLAG },
  args: [optional(SERVER)],
  async run({ flags: { json, ...files }, args: [name], stdout, stderr }) {
    const opened = await openConfiguration(files);
    const { servers } = opened.configuration;
    const selectedServers = name === undefined
      ? [...servers.values()].filter(({ connection }) => getHttpConfig(connection) !== undefined)
      : [findAvailableServer(name, opened)];
    const logins = await withAccountOptions(opened, async (options) => {
      const logins: ServerLogin[] = [];
      for (const config of selectedServers) {
        const state: ServerLogin["state"] = config.unavailable === undefined
          ? await readLoginState(config, options)
          : { state: "unavailable", reason: config.unavailable };
        logins.push({ config, state });
      }
      return logins;
    });
    stdout.write(
      json
        ? jsonOutput(JSON.stringify(logins.map(statusJson)))
        : logins.map((login) => `${statusText(login)}\n`).join(""),
    );
    if (logins.length === 0) stderr.write("No remote servers are configured\n");
    return 0;
  },
});

const logout = defineCommand({
  about:
    "Revokes the tokens if the authorization server supports it, and removes them from this machine.",
  example: "agent-mcp-gateway auth logout github",
  flags: FILE_FLAGS,
  args: [SERVER],
  async run({ flags, args: [name], stdout, stderr }) {
    const opened = await openConfiguration(flags);
    const config = findAvailableServer(name, opened);
    const { wasLoggedIn, revoked, reason } = await withAccountOptions(opened, (options) => {
      return logOut(config, options);
    });
    await openCatalogs(opened.log)?.remove(config);
    if (!wasLoggedIn) {
      stdout.write(`You were not logged in to "${name}"\n`);
      return 0;
    }
    stdout.write(`Logged out of "${name}"\n`);
    if (revoked === "unsupported") {
      stderr.write("Its authorization server cannot revoke tokens; they expire on their own\n");
    }
    if (revoked !== "failed") return 0;
    stderr.write(`The tokens were removed here, but revoking them failed: ${reason}\n`);
    return 1;
  },
});

/** `auth login`, `auth status` and `auth logout`. */
export const command = defineGroup({
  login: { brief: "Log in to a server in the browser", command: login },
  status: { brief: "Show which servers you are logged in to", command: status },
  logout: { brief: "Log out of a server", command: logout },
});

async function withAccountOptions<T>(
  { log }: OpenedConfiguration,
  run: (options: AccountOptions) => Promise<T>,
): Promise<T> {
  return await withInterrupts(({ signal }) => run({ log, signal }));
}

function findAvailableServer(name: string, { configuration }: OpenedConfiguration): ServerConfig {
  const config = findServer(name, configuration);
  if (config.unavailable === undefined) return config;
  const message = `Server "${name}" is not available: ${config.unavailable}.`;
  throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
}

interface ServerLogin {
  readonly config: ServerConfig;
  readonly state: LoginState | UnavailableState;
}

/** The state of a server that has no login, because its entry cannot be used. */
interface UnavailableState {
  readonly state: "unavailable";
  readonly reason: string;
}

function statusJson({ config, state }: ServerLogin): Readonly<Record<string, unknown>> {
  const { url } = config.publicInfo;
  const server = { server: config.name, ...(url === undefined ? {} : { url }) };
  if (state.state === "unavailable") return { ...server, ...state };
  const { expiresAt, isRenewable, ...otherFields } = state;
  return {
    ...server,
    ...otherFields,
    ...(expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }),
    ...(isRenewable === undefined ? {} : { renewable: isRenewable }),
  };
}

const STATE_TEXTS: Readonly<Record<LoginState["state"], string>> = {
  local: "needs no login: it is a program on this machine",
  header: "needs no login: its entry has an Authorization header",
  client: "the gateway logs in automatically, with the client_id and client_secret of its entry",
  "logged-in": "logged in",
  expired: "expired",
  "logged-out": "not logged in",
};

function statusText({ config, state }: ServerLogin): string {
  if (state.state === "unavailable") return `${config.name}: is not available: ${state.reason}`;
  const { issuer, scope, expiresAt, isRenewable } = state;
  const expiry = expiresAt === undefined ? "" : ` until ${new Date(expiresAt).toISOString()}`;
  const renewal = isRenewable === undefined
    ? ""
    : `, ${isRenewable ? "" : "not "}renewed automatically`;
  const origin = issuer === undefined ? "" : ` through ${escapeControls(issuer)}`;
  const scopeText = scope === undefined ? "" : `, scope ${JSON.stringify(scope)}`;
  return `${config.name}: ${STATE_TEXTS[state.state]}${origin}${expiry}${renewal}${scopeText}`;
}
