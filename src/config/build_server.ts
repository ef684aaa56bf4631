import { familyOf, headerValueMessage, isHeaderValue, isHttpUrl } from "./check_entries.ts";
import { expandHome } from "./environment.ts";
import { expandText, type Variables } from "./expand.ts";
import { entriesOf } from "./json_value.ts";
import { formatPath } from "./path.ts";
import type { Connect, ConnectStdio, ServerConfig, ServerOptions, ShownServer } from "./server.ts";
import type { ServerEntry } from "./servers_schema.ts";
import { showUrl } from "./shown_url.ts";

/** Why a field cannot be used. */
export interface Trouble {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A server, what keeps it from being used, and what its fields say that was hardly meant. */
export interface BuiltServer {
  readonly server: ServerConfig;
  readonly troubles: readonly Trouble[];
  readonly notes: readonly Trouble[];
}

/** Expands a checked entry of the servers file and fills in the defaults. */
export function buildServer(
  name: string,
  entry: ServerEntry,
  variables: Variables,
): BuiltServer {
  const filler = new Filler(["mcpServers", name], variables);
  const connect = buildConnect(entry, filler);
  const options = buildOptions(entry, filler);
  const { troubles, notes } = filler;
  const unavailable = troubles.length === 0
    ? {}
    : { unavailable: troubles.map((one) => `${one.message} (${formatPath(one.path)})`).join("; ") };
  const server: ServerConfig = {
    name,
    ...(entry.description === undefined ? {} : { description: entry.description }),
    shown: buildShown(entry),
    connect,
    ...unavailable,
    options,
    secrets: filler.secrets,
    fingerprint: fingerprint([connect, options, unavailable]),
  };
  return {
    server,
    troubles,
    notes: connect.kind === "stdio" && isOnePassword(connect) ? [] : notes,
  };
}

/** `op run` puts the secrets themselves in place of the references to them. */
function isOnePassword({ command, args }: ConnectStdio): boolean {
  return [command, ...args].some((word) => /(?:^|[\\/])op(?:\.exe)?$/.test(word));
}

/** A reference to a secret of 1Password, as a whole value or behind `NAME=` or `Bearer`. */
const SECRET_REFERENCE = /^(?:Bearer +|[\w-]+=)?op:\/\//i;

/** A variable as a shell, Windows or opencode writes it, as a whole value or behind `Bearer`. */
const OTHER_VARIABLE = /^(?:Bearer +)?(?:\$[A-Z_][A-Z0-9_]*|%[A-Z_][A-Z0-9_]*%|\{env:\w+\})$/;

/** Expands texts and collects what goes wrong, with paths. */
class Filler {
  readonly troubles: Trouble[] = [];
  readonly notes: Trouble[] = [];
  readonly #base: Trouble["path"];
  readonly #variables: Variables;
  readonly #read = new Set<string>();

  constructor(base: Trouble["path"], variables: Variables) {
    this.#base = base;
    const { env } = variables;
    const get = (name: string): string | undefined => {
      const value = env.get(name);
      if (value !== undefined && value !== "") this.#read.add(value);
      return value;
    };
    this.#variables = { ...variables, env: { get, toObject: () => env.toObject() } };
  }

  /** Values of the variables that were read so far. */
  get secrets(): string[] {
    return [...this.#read];
  }

  /** The expanded text; as written where that fails or the result does not pass the test. */
  fill(
    text: string,
    path: Trouble["path"],
    test: (text: string) => boolean = () => true,
    expected = "",
  ): string {
    const expanded = expandText(text, this.#variables);
    // A literal that does not pass is an error of the file, which `checkEntries` reports.
    const isBad = text.includes("${") && !test(expanded.text);
    const message = expanded.trouble ??
      (isBad ? `variables replaced, ${expected}` : undefined);
    if (message !== undefined) this.troubles.push({ path: [...this.#base, ...path], message });
    if (SECRET_REFERENCE.test(expanded.text)) {
      const message = "passed on unchanged, because the gateway does not read secrets from " +
        "1Password: write ${NAME}, and set NAME to the secret where the gateway runs";
      this.notes.push({ path: [...this.#base, ...path], message });
    }
    return expanded.text;
  }

  /** The same for a path, whose leading `~` is the home folder. */
  fillPath(...args: Parameters<Filler["fill"]>): string {
    return expandHome(this.fill(...args), this.#variables.home);
  }

  /** Some clients expand these too; what a program gets here is the text. */
  #noteVariable(text: string, path: Trouble["path"]): void {
    if (!OTHER_VARIABLE.test(text)) return;
    // The name is not quoted: what looks like one may be a secret.
    const message = "passed on unchanged, although it looks like a variable: write ${NAME} for " +
      "the value of NAME";
    this.notes.push({ path: [...this.#base, ...path], message });
  }

  /** Expands the values of a record; names are kept, also `__proto__`. */
  fillRecord(
    record: Readonly<Record<string, string>>,
    key: string,
    test?: (text: string) => boolean,
    expected?: string,
  ): Record<string, string> {
    // `fromEntries` defines properties where an assignment to `__proto__` would do nothing.
    return Object.fromEntries(
      entriesOf(record).map(([name, text]) => {
        this.#noteVariable(text, [key, name]);
        return [name, this.fill(text, [key, name], test, expected)];
      }),
    );
  }
}

function buildConnect(entry: ServerEntry, filler: Filler): Connect {
  if (entry.command === undefined) {
    const isGood = (text: string) => isHttpUrl(text);
    const url = filler.fill(entry.url ?? "", ["url"], isGood, "this is no http or https address");
    const headers = entry.headers ?? {};
    const family = familyOf(entry.type ?? entry.transport);
    return {
      kind: family === "http" || family === "sse" ? family : "auto",
      url,
      headers: filler.fillRecord(headers, "headers", isHeaderValue, headerValueMessage),
    };
  }
  const isGood = (text: string) => text.trim() !== "";
  return {
    kind: "stdio",
    command: filler.fillPath(entry.command, ["command"], isGood, "this names no program"),
    args: (entry.args ?? []).map((text, index) => filler.fill(text, ["args", index])),
    env: filler.fillRecord(entry.env ?? {}, "env"),
    ...(entry.cwd === undefined ? {} : { cwd: filler.fillPath(entry.cwd, ["cwd"]) }),
  };
}

function buildOptions({ gateway }: ServerEntry, filler: Filler): ServerOptions {
  const options = {
    isolation: gateway.isolation,
    idleTimeoutMs: gateway.idle_timeout_s * 1000,
    connectTimeoutMs: gateway.connect_timeout_ms,
    callTimeoutMs: gateway.call_timeout_ms,
    maxCallMs: gateway.max_call_ms,
    maxConcurrency: gateway.max_concurrency,
    forward: gateway.forward,
    inheritEnv: gateway.inherit_env,
  };
  const { oauth } = gateway;
  if (oauth === undefined) return options;
  const { client_id: id, client_secret: secret, scopes, redirect_port: port, grant } = oauth;
  const base = ["gateway", "oauth"];
  return {
    ...options,
    oauth: {
      ...(id === undefined ? {} : { clientId: filler.fill(id, [...base, "client_id"]) }),
      ...(secret === undefined
        ? {}
        : { clientSecret: filler.fill(secret, [...base, "client_secret"]) }),
      ...(scopes === undefined ? {} : {
        scopes: scopes.map((text, index) => filler.fill(text, [...base, "scopes", index])),
      }),
      ...(port === undefined ? {} : { redirectPort: port }),
      grant,
    },
  };
}

function buildShown({ command, url = "" }: ServerEntry): ShownServer {
  if (command !== undefined) return { transport: "stdio", command };
  return { transport: "http", url: showUrl(url) };
}

/** Numbers of the entries that are remembered, by their text; the oldest is forgotten first. */
const fingerprints = new Map<string, string>();

/** As many as any configuration and the one before it have. */
const MAX_FINGERPRINTS = 4096;

let lastFingerprint = 0;

/**
 * Equal for equal values, within one process; a number, which tells no secret. A digest would tell
 * none either, but a start would wait 2 ms for the first one.
 */
function fingerprint(value: unknown): string {
  const text = JSON.stringify(value, sortKeys);
  const known = fingerprints.get(text) ?? String(++lastFingerprint);
  // Used last, it stands last.
  fingerprints.delete(text);
  fingerprints.set(text, known);
  const [oldest] = fingerprints.keys();
  if (fingerprints.size > MAX_FINGERPRINTS && oldest !== undefined) fingerprints.delete(oldest);
  return known;
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  // Pairs instead of an object, which would put names like `7` first and lose `__proto__`.
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}
