import {
  type Configuration,
  homeFolder,
  loadConfiguration,
  locateFiles,
  readSettings,
  type ServerConfig,
} from "../config/mod.ts";
import {
  type AccountOptions,
  logIn,
  type LoginState,
  logOut,
  readLoginState,
} from "../downstream/mod.ts";
import { ConfigError, DownstreamError, formatProblem } from "../errors.ts";
import { createLog } from "../log.ts";
import { nearNames } from "../near_names.ts";
import type { Outputs } from "./audit.ts";
import { LogSecrets } from "./log_secrets.ts";

/** Flags of the `auth` commands: the configuration files. */
export interface AuthFlags {
  /** The servers file. */
  readonly mcpConfig?: string;
  /** The rules file. */
  readonly rules?: string;
}

/** Flags of `auth status`. */
export interface AuthStatusFlags extends AuthFlags {
  /** Whether to print JSON. */
  readonly json: boolean;
}

/** The exit code for a server that is not configured. */
const USAGE_ERROR = 2;

/**
 * Logs in to a server.
 *
 * @returns The exit code: 0 after the login, or if no login is needed.
 */
export function authLogin(
  { server: name, ...flags }: AuthFlags & { readonly server: string },
  outputs: Outputs,
): Promise<number> {
  return withServers(flags, outputs, async ({ servers, options }) => {
    const config = findServer(servers, name, outputs);
    if (config === undefined) return USAGE_ERROR;
    const { stdout, stderr } = outputs;
    const show = (url: string): void => {
      const intro =
        "Log in with this link in a browser on this machine; it should open automatically:";
      stderr.write(`${intro}\n\n  ${url}\n\nWaiting for the login; press Ctrl-C to cancel.\n`);
    };
    const outcome = await logIn(config, { ...options, show });
    stdout.write(
      outcome.kind === "done"
        ? `Logged in to "${name}" through ${plain(outcome.issuer)}\n`
        : `Server "${name}" needs no login: ${outcome.why}\n`,
    );
    return 0;
  });
}

/**
 * Prints the state of the logins.
 *
 * @param flags `server`: default all remote servers.
 * @returns The exit code.
 */
export function authStatus(
  { server: name, ...flags }: AuthStatusFlags & { readonly server?: string | undefined },
  outputs: Outputs,
): Promise<number> {
  return withServers(flags, outputs, async ({ servers, options }) => {
    const config = name === undefined ? undefined : findServer(servers, name, outputs);
    if (name !== undefined && config === undefined) return USAGE_ERROR;
    const remote = [...servers.values()].filter(({ connect }) => connect.kind !== "stdio");
    const states = [];
    for (const one of config === undefined ? remote : [config]) {
      states.push({ config: one, state: await readLoginState(one, options) });
    }
    outputs.stdout.write(
      flags.json
        ? `${JSON.stringify(states.map(statusJson))}\n`
        : states.map((one) => `${statusText(one)}\n`).join(""),
    );
    if (states.length === 0) outputs.stderr.write("No remote servers are configured\n");
    return 0;
  });
}

/**
 * Logs out of a server.
 *
 * @returns The exit code: 1 if the tokens were removed, but could not be revoked.
 */
export function authLogout(
  { server: name, ...flags }: AuthFlags & { readonly server: string },
  outputs: Outputs,
): Promise<number> {
  return withServers(flags, outputs, async ({ servers, options }) => {
    const config = findServer(servers, name, outputs);
    if (config === undefined) return USAGE_ERROR;
    const { wasLoggedIn, revoked, reason } = await logOut(config, options);
    const { stdout, stderr } = outputs;
    if (!wasLoggedIn) {
      stdout.write(`You were not logged in to "${name}"\n`);
      return 0;
    }
    stdout.write(`Logged out of "${name}"\n`);
    if (revoked === "unsupported") {
      stderr.write("Its login service cannot revoke tokens; they expire on their own\n");
    }
    if (revoked !== "failed") return 0;
    stderr.write(`The tokens were removed here, but revoking them failed: ${reason}\n`);
    return 1;
  });
}

interface Loaded {
  readonly servers: Configuration["servers"];
  readonly options: AccountOptions;
}

async function withServers(
  flags: AuthFlags,
  { stderr }: Outputs,
  run: (loaded: Loaded) => Promise<number>,
): Promise<number> {
  const end = new AbortController();
  const cancel = (): void => end.abort(new DOMException("Cancelled", "AbortError"));
  Deno.addSignalListener("SIGINT", cancel);
  try {
    const secrets = new LogSecrets([homeFolder(Deno.env) ?? "", Deno.cwd()]);
    const log = createLog({ level: "warn", clean: secrets.clean });
    const cwd = Deno.cwd();
    const settings = readSettings({ ...flags }, Deno.env);
    const files = locateFiles(settings, { home: homeFolder(Deno.env), cwd });
    const configuration = await loadConfiguration(files, { env: Deno.env, cwd });
    secrets.add(configuration);
    return await run({
      servers: configuration.servers,
      options: { log, signal: end.signal },
    });
  } catch (error) {
    const isKnown = error instanceof DownstreamError || error instanceof DOMException;
    if (error instanceof ConfigError) {
      stderr.write(`${error.problems.map(formatProblem).join("\n")}\n`);
    } else if (isKnown) stderr.write(`${error.message}\n`);
    else throw error;
    return 1;
  } finally {
    Deno.removeSignalListener("SIGINT", cancel);
  }
}

function findServer(
  servers: Configuration["servers"],
  name: string,
  { stderr }: Outputs,
): ServerConfig | undefined {
  const config = servers.get(name);
  if (config === undefined) {
    const [near] = nearNames(name, servers.keys(), { most: 1 });
    const meant = near === undefined ? "" : `; did you mean "${near}"?`;
    stderr.write(`There is no server ${JSON.stringify(name)}${meant}\n`);
  } else if (config.unavailable !== undefined) {
    const message = `Server "${name}" is not available: ${config.unavailable}.`;
    throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
  }
  return config;
}

interface ServerLogin {
  readonly config: ServerConfig;
  readonly state: LoginState;
}

function statusJson({ config, state }: ServerLogin): Readonly<Record<string, unknown>> {
  const { expiresAt, isRenewable, ...more } = state;
  return {
    server: config.name,
    ...(config.shown.url === undefined ? {} : { url: config.shown.url }),
    ...more,
    ...(expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }),
    ...(isRenewable === undefined ? {} : { renewable: isRenewable }),
  };
}

const STATES: Readonly<Record<LoginState["state"], string>> = {
  local: "needs no login: it is a program on this machine",
  header: "needs no login: its entry has an Authorization header",
  client: "the gateway logs in automatically, with the client_id and client_secret of its entry",
  "logged-in": "logged in",
  expired: "expired",
  "logged-out": "not logged in",
};

function statusText({ config, state }: ServerLogin): string {
  const { issuer, scope, expiresAt, isRenewable } = state;
  const until = expiresAt === undefined ? "" : ` until ${new Date(expiresAt).toISOString()}`;
  const renewal = isRenewable === undefined
    ? ""
    : isRenewable
    ? ", renewed automatically"
    : ", not renewed automatically";
  const by = issuer === undefined ? "" : ` through ${plain(issuer)}`;
  const granted = scope === undefined ? "" : `, scope ${JSON.stringify(scope)}`;
  return `${config.name}: ${STATES[state.state]}${by}${until}${renewal}${granted}`;
}

/** Removes control characters from a server's text; they must not move the cursor. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "");
}
