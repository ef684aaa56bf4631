import {
  HEADER_VALUE_MESSAGE,
  isHeaderValue,
  isHttpUrl,
  ISSUER_MESSAGE,
  parseTransport,
} from "./check_entries.ts";
import { type ConnectionConfig, getStdioConfig, type StdioConfig } from "./connection_config.ts";
import { expandHome } from "./environment.ts";
import { isAbsolutePath, resolvePath } from "./file_path.ts";
import { expandText, type Variables } from "./expand.ts";
import { entriesOf } from "./json_value.ts";
import { formatPath } from "../json.ts";
import type { PublicServerInfo, ServerConfig, ServerOptions } from "./server.ts";
import type { ServerEntry } from "./servers_schema.ts";
import {
  findReplaceablePath,
  findWritablePath,
  getSandboxFolder,
  listOwnPrograms,
} from "./sandbox_paths.ts";
import { removeUrlSecrets } from "./url_secrets.ts";

/** A problem in one field of an entry. */
export interface FieldProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A server, with the problems of its entry. */
export interface BuiltServer {
  readonly server: ServerConfig;
  readonly errors: readonly FieldProblem[];
  /** Problems that do not make the server unavailable. */
  readonly warnings: readonly FieldProblem[];
}

/** The context in which the entries are expanded. */
export interface BuildContext extends Variables {
  /** Files and folders of the gateway that no server in a sandbox may read or change; default: none. */
  readonly privatePaths?: readonly string[];
  /** Folders that servers in a sandbox can write, without links; default: none. */
  readonly sandboxFolders?: readonly string[];
}

/** Expands a checked entry of the servers file and fills in the defaults. */
export function buildServer(
  [name, entry]: readonly [name: string, entry: ServerEntry],
  context: BuildContext,
): BuiltServer {
  const expander = new Expander(["mcpServers", name], context);
  const connection = buildConnection(entry, expander);
  const options = buildOptions(entry, expander, context);
  const { errors, warnings } = expander;
  const stdio = getStdioConfig(connection);
  if (stdio !== undefined && options.sandbox !== undefined) {
    errors.push(...checkSandbox(name, { connection: stdio, options }, context));
  }
  const unavailable = errors.length === 0 ? {} : {
    unavailable: errors.map(({ message, path }) => `${message} (${formatPath(path)})`).join("; "),
  };
  const server: ServerConfig = {
    name,
    ...(entry.description === undefined ? {} : { description: entry.description }),
    publicInfo: buildPublicInfo(entry),
    connection,
    ...unavailable,
    options,
    ...listDirectTools(entry),
    secrets: expander.secrets,
    fingerprint: getFingerprint([connection, options, unavailable]),
  };
  return {
    server,
    errors,
    warnings: stdio !== undefined && runsOnePassword(stdio) ? [] : warnings,
  };
}

/**
 * Finds paths that defeat a sandbox: a file of the gateway that the server could change, or a path that a server in
 * another sandbox could replace.
 */
function checkSandbox(
  name: string,
  { connection, options }: {
    readonly connection: StdioConfig;
    readonly options: ServerOptions;
  },
  { cwd, privatePaths = [], sandboxFolders = [] }: BuildContext,
): FieldProblem[] {
  const path = ["mcpServers", name];
  const writableFolder = getSandboxFolder({ connection, options }, cwd);
  const gatewayPath = writableFolder === undefined
    ? undefined
    : findWritablePath([...privatePaths, ...listOwnPrograms()], writableFolder);
  if (gatewayPath !== undefined) {
    const message = `a server in a sandbox must not be able to change ${gatewayPath}, ` +
      "a file of the gateway; choose another working folder";
    return [{ path: [...path, "cwd"], message }];
  }
  const { command, args } = connection;
  const startFolder = connection.cwd === undefined ? cwd : resolvePath(cwd, connection.cwd);
  const words = [command.includes("/") ? resolvePath(startFolder, command) : command, ...args];
  const paths = [
    ...(writableFolder === undefined ? [] : [startFolder]),
    ...words.filter(isAbsolutePath),
  ];
  const otherFolders = new Set(sandboxFolders.filter((other) => other !== writableFolder));
  const replaceable = findReplaceablePath(paths, otherFolders);
  if (replaceable === undefined) return [];
  const message = `another server in a sandbox can write ${replaceable.folder}, and replace ` +
    `${replaceable.path} there by a link to any file; name that folder itself, or a path outside it`;
  return [{ path: replaceable.path === startFolder ? [...path, "cwd"] : path, message }];
}

/**
 * Whether the program `op` of 1Password starts the server; `op` replaces secret references itself.
 */
function runsOnePassword({ command, args }: StdioConfig): boolean {
  return [command, ...args].some((word) => /(?:^|[\\/])op(?:\.exe)?$/.test(word));
}

/** A reference to a secret in 1Password, as a whole value or after `NAME=` or `Bearer`. */
const SECRET_REFERENCE = /^(?:Bearer +|[\w-]+=)?op:\/\//i;

/** A variable in the syntax of a shell, Windows or opencode, as a whole value or after `Bearer`. */
const OTHER_VARIABLE = /^(?:Bearer +)?(?:\$[A-Z_][A-Z0-9_]*|%[A-Z_][A-Z0-9_]*%|\{env:\w+\})$/;

/** Expands the texts of an entry, and collects problems and secrets. */
class Expander {
  readonly errors: FieldProblem[] = [];
  readonly warnings: FieldProblem[] = [];
  readonly #base: FieldProblem["path"];
  readonly #variables: Variables;
  readonly #variableValues = new Set<string>();

  constructor(base: FieldProblem["path"], variables: Variables) {
    this.#base = base;
    const { env } = variables;
    const get = (name: string): string | undefined => {
      const value = env.get(name);
      if (value !== undefined && value !== "") this.#variableValues.add(value);
      return value;
    };
    this.#variables = { ...variables, env: { get, toObject: () => env.toObject() } };
  }

  get secrets(): string[] {
    return [...this.#variableValues];
  }

  /** Expands a text; adds an error if that fails or the result does not pass the test. */
  expand(
    text: string,
    path: FieldProblem["path"],
    test: (text: string) => boolean = () => true,
    expected = "",
  ): string {
    const expansion = expandText(text, this.#variables);
    // `checkEntries` tests texts without variables.
    const isInvalid = text.includes("${") && !test(expansion.text);
    const message = expansion.error ??
      (isInvalid ? `after replacing variables, ${expected}` : undefined);
    if (message !== undefined) this.errors.push({ path: [...this.#base, ...path], message });
    if (SECRET_REFERENCE.test(expansion.text)) {
      const message = "passed on unchanged, because the gateway does not read secrets from " +
        "1Password: write ${NAME}, and set NAME to the secret where the gateway runs";
      this.warnings.push({ path: [...this.#base, ...path], message });
    }
    return expansion.text;
  }

  /** Expands a path; a leading `~` is the home folder. */
  expandPath(...args: Parameters<Expander["expand"]>): string {
    return expandHome(this.expand(...args), this.#variables.home);
  }

  /** Warns of a variable in the syntax of another program, which some clients expand. */
  #warnVariable(text: string, path: FieldProblem["path"]): void {
    if (!OTHER_VARIABLE.test(text)) return;
    // The message does not quote the text: it may be a secret.
    const message = "passed on unchanged, although it looks like a variable: write ${NAME} for " +
      "the value of NAME";
    this.warnings.push({ path: [...this.#base, ...path], message });
  }

  /** Expands the values of a record; `__proto__` is an ordinary name. */
  expandRecord(
    record: Readonly<Record<string, string>>,
    key: string,
    test?: (text: string) => boolean,
    expected?: string,
  ): Record<string, string> {
    // `fromEntries` defines properties; an assignment to `__proto__` would do nothing.
    return Object.fromEntries(
      entriesOf(record).map(([name, text]) => {
        this.#warnVariable(text, [key, name]);
        return [name, this.expand(text, [key, name], test, expected)];
      }),
    );
  }
}

function buildConnection(entry: ServerEntry, expander: Expander): ConnectionConfig {
  if (entry.command === undefined) {
    const expected = "this is not an http or https address";
    const url = expander.expand(entry.url ?? "", ["url"], isHttpUrl, expected);
    const headers = entry.headers ?? {};
    const transport = parseTransport(entry.type ?? entry.transport);
    return {
      kind: transport === "http" || transport === "sse" ? transport : "auto",
      url,
      headers: expander.expandRecord(headers, "headers", isHeaderValue, HEADER_VALUE_MESSAGE),
    };
  }
  const isNotEmpty = (text: string) => text.trim() !== "";
  return {
    kind: "stdio",
    command: expander.expandPath(entry.command, ["command"], isNotEmpty, "this is empty"),
    args: (entry.args ?? []).map((text, index) => expander.expand(text, ["args", index])),
    env: expander.expandRecord(entry.env ?? {}, "env"),
    ...(entry.cwd === undefined ? {} : { cwd: expander.expandPath(entry.cwd, ["cwd"]) }),
  };
}

function buildOptions(
  { gateway }: ServerEntry,
  expander: Expander,
  { privatePaths = [] }: BuildContext,
): ServerOptions {
  const options = {
    isolation: gateway.isolation,
    idleTimeoutMs: gateway.idle_timeout_s * 1000,
    connectTimeoutMs: gateway.connect_timeout_ms,
    callTimeoutMs: gateway.call_timeout_ms,
    maxCallMs: gateway.max_call_ms,
    maxConcurrency: gateway.max_concurrency,
    ...(gateway.max_result_tokens === undefined
      ? {}
      : { maxResultTokens: gateway.max_result_tokens }),
    forward: gateway.forward,
    ...(gateway.protocol === "auto" ? {} : { protocol: gateway.protocol }),
    inheritEnv: gateway.inherit_env,
    ...(gateway.direct_start ? {} : { directStart: false }),
    ...(gateway.sandbox === undefined ? {} : { sandbox: gateway.sandbox, privatePaths }),
    ...(gateway.sandbox_network === undefined ? {} : { sandboxNetwork: gateway.sandbox_network }),
  };
  const { oauth } = gateway;
  if (oauth === undefined) return options;
  const { client_id: id, client_secret: secret, issuer, scopes, redirect_port: port, grant } =
    oauth;
  const base = ["gateway", "oauth"];
  return {
    ...options,
    oauth: {
      ...(id === undefined ? {} : { clientId: expander.expand(id, [...base, "client_id"]) }),
      ...(secret === undefined
        ? {}
        : { clientSecret: expander.expand(secret, [...base, "client_secret"]) }),
      ...(issuer === undefined
        ? {}
        : { issuer: expander.expand(issuer, [...base, "issuer"], isHttpUrl, ISSUER_MESSAGE) }),
      ...(scopes === undefined ? {} : {
        scopes: scopes.map((text, index) => expander.expand(text, [...base, "scopes", index])),
      }),
      ...(port === undefined ? {} : { redirectPort: port }),
      grant,
    },
  };
}

function listDirectTools(
  { gateway: { direct = false } }: ServerEntry,
): Pick<ServerConfig, "directTools"> {
  if (direct === false) return {};
  return { directTools: direct === true ? ["*"] : direct };
}

function buildPublicInfo({ command, url = "" }: ServerEntry): PublicServerInfo {
  if (command !== undefined) return { transport: "stdio", command };
  return { transport: "http", url: removeUrlSecrets(url) };
}

/** Fingerprints by the serialized entry, the least recently used first. */
const fingerprints = new Map<string, string>();

/** Maximum number of fingerprints in the map: more than a configuration and its predecessor have together. */
const MAX_FINGERPRINTS = 4096;

let lastFingerprint = 0;

/**
 * Returns equal fingerprints for equal values, within one process. A fingerprint is a counter, so
 * it reveals no secret. A digest would reveal none either, but the first one takes 2 ms at start.
 */
function getFingerprint(value: unknown): string {
  const text = JSON.stringify(value, sortKeys);
  const fingerprint = fingerprints.get(text) ?? String(++lastFingerprint);
  // The most recently used fingerprint moves to the end of the map.
  fingerprints.delete(text);
  fingerprints.set(text, fingerprint);
  const [oldest] = fingerprints.keys();
  if (fingerprints.size > MAX_FINGERPRINTS && oldest !== undefined) fingerprints.delete(oldest);
  return fingerprint;
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  // Pairs: an object would move names like `7` to the front and lose `__proto__`.
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}
