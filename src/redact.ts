/**
 * Removes secrets from texts before they are written. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Replaces a secret. */
export const REDACTED = "[redacted]";

/** Shorter values are usually words, ports and flags, not secrets. */
const SHORTEST_SECRET = 6;

/**
 * Removes known secrets and the user's home folder from a text.
 *
 * @param text The output of a server or a library.
 * @param secrets Values to remove, such as those of a server's own variables; values shorter than 6
 * characters are kept.
 * @param home The home folder, shown as `~`.
 */
export function redact(text: string, secrets: readonly string[], home?: string): string {
  let clean = text;
  const known = secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
  // The longest first, so that a secret that contains another one is removed completely.
  for (const secret of known.sort((one, two) => two.length - one.length)) {
    clean = clean.replaceAll(secret, REDACTED);
  }
  return home === undefined || home.length < 2 ? clean : clean.replaceAll(home, "~");
}

/** Words that mark a name as that of a secret; `api_key`, `apiKey` and `API-Key` match equally. */
const WORDS = "pass(?:word|wd|phrase|code)|pwd|secret|token|credential|authorization|cookie|" +
  "bearer|jwt|signature|(?:api|access|private|secret|signing|encryption|master|auth|account)" +
  "[-_ ]?key|session[-_ ]?id|connection[-_ ]?string";

const SECRET_NAME = new RegExp(`${WORDS}|^(?:auth|pin|otp|cvv|cvc|sig)$|(?:^|[-_ ])pass$`, "i");

/** `dbPass`, but not `compass`. */
const CAMEL_PASS = /[a-z\d]Pass$/;

/** `max_tokens` and the like are counts, but only if the value is a number. */
const COUNT_NAME = /tokens$|tokens?[-_ ]?(?:count|limit|budget|size)|length$|count$/i;

/** Whether a name is that of a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) || CAMEL_PASS.test(name);
}

// Every pattern takes linear time: it starts with a text that it cannot match again, or consumes all
// that it reads, or reads a bounded number of characters.
const QUOTE = `[\\\\"'\`]{0,16}`;
const VALUE = `"(?:[^"\\\\]|\\\\[^])*"?|'(?:[^'\\\\]|\\\\[^])*'?|\\\\+"[^"]*"?|[^\\s"'\`&]+`;
const SCHEME = "(?:bearer|basic|digest|negotiate|token|apikey)";

const PATTERNS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // A private key, even if it is cut off.
  [
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[^]*?(?:-----END [A-Z0-9 ]{0,40}KEY[A-Z ]{0,10}-----|$)/g,
    "",
  ],
  // user:password@ and token@ in a URL.
  [/(:\/\/[^\s/?#@:]{0,256}:)[^\s/?#]+@/g, `$1${REDACTED}@`],
  [/(:\/\/)[^\s/?#@:]{12,}@/g, `$1${REDACTED}@`],
  // Headers, to the end of their line.
  [
    new RegExp(
      `((?:authorization|cookie)${QUOTE}\\s{0,8}[:=]\\s{0,8}${QUOTE})(?!\\[redacted\\])[^\\r\\n"'\`]+`,
      "gi",
    ),
    `$1${REDACTED}`,
  ],
  // name=value, "name": "value", --name value.
  [
    new RegExp(
      `((?:${WORDS})[\\w-]{0,24}${QUOTE}\\s{0,8}(?::=|=>|[:=])\\s{0,8}(?:${SCHEME}\\s{1,8})?)(?:${VALUE})`,
      "gi",
    ),
    `$1${REDACTED}`,
  ],
  [
    new RegExp(`(--?[\\w-]{0,24}(?:${WORDS})[\\w-]{0,24}\\s{1,8})(?!-)(?:${VALUE})`, "gi"),
    `$1${REDACTED}`,
  ],
  // DB_PASS=x, and the signatures in URLs of shared files.
  [
    new RegExp(`([-_]pass${QUOTE}\\s{0,8}[:=]\\s{0,8}|[?&;]sig=)(?:${VALUE})`, "gi"),
    `$1${REDACTED}`,
  ],
  [/(\s(?:-u|--user)[\s=]{1,8}[^\s:]{1,256}:)[^\s]+/g, `$1${REDACTED}`],
  [/\b(bearer|basic|digest|negotiate)(\s{1,8})[\w\-.~+/=]{8,}/gi, `$1$2${REDACTED}`],
  // JSON in base64, as in JWTs.
  [/eyJ[\w-]{16,}(?:\.[\w-]*)*/g, ""],
  // The prefixes of providers' keys.
  [/\b(?:[sr]k[-_]|pk_(?:live|test)_)[\w-]{16,}/g, ""],
  [
    /(?:gh[pousr]|npm|hf|whsec|ntn|sbp|shp(?:at|ss|ca|pa)|lin_api|dop_v1|figd)_[A-Za-z0-9]{16,}/g,
    "",
  ],
  [
    /(?:github_pat_|secret_|glpat-|pypi-|xox[a-z]-|xapp-|PMAK-|hv[sb]\.|amg_|ya29\.|GOCSPX-)[\w-]{10,}/g,
    "",
  ],
  [/SG\.[\w-]{16,}\.[\w-]{16,}/g, ""],
  [/(?:AKIA|ASIA)[A-Z0-9]{16}/g, ""],
  [/AIza[\w-]{30,}/g, ""],
  [/ATATT3[\w=-]{20,}/g, ""],
  [/\b\d{8,10}:[\w-]{35}\b/g, ""],
  [/(hooks\.slack\.com\/(?:services|workflows)\/)[^\s"']+/g, `$1${REDACTED}`],
];

/**
 * Removes probable secrets from a text: private keys, bearer tokens, JWTs, keys of known providers,
 * passwords in URLs, and values that follow the name of a secret. Takes linear time.
 */
export function redactText(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of PATTERNS) {
    clean = clean.replace(pattern, replacement === "" ? REDACTED : replacement);
  }
  return clean;
}

/** Maximum length of a text that is read, in UTF-16 code units; far more than is ever shown. */
const WINDOW = 16 * 1024;

/** Maximum length of all texts that are read: values that do not fit the output also take time. */
const MAX_READ = 64 * 1024;

/** Replaces values that do not fit. */
const CUT = "…";

/**
 * Serializes a value as JSON without probable secrets, which it recognizes by the names of members
 * and by the shape of values at any depth, also in strings that contain JSON.
 *
 * @param value A JSON value.
 * @param maxBytes Maximum size of the output in UTF-8 bytes; `…` replaces values that do not fit.
 */
export function redactedJson(value: unknown, maxBytes: number): string {
  const room = { bytes: maxBytes, units: MAX_READ };
  return JSON.stringify(redactValue(value, room));
}

interface Room {
  /** Bytes left in the output. */
  bytes: number;
  /** UTF-16 code units of the input that may still be read. */
  units: number;
}

function redactValue(value: unknown, room: Room): unknown {
  if (typeof value === "string") return fit(redactString(value, room), room);
  if (Array.isArray(value)) return redactArray(value, room);
  if (typeof value === "object" && value !== null) return redactObject(value, room);
  room.bytes -= String(value).length;
  return value;
}

function redactString(text: string, room: Room): string {
  const window = Math.min(WINDOW, room.units);
  room.units -= Math.min(window, text.length);
  if (text.length > window) {
    // Cut at a space: half a secret may not look like one.
    let end = window;
    while (end > 0 && !/\s/.test(text[end] ?? "")) end--;
    return `${redactText(text.slice(0, end))}${CUT}`;
  }
  const inner = /^\s*[[{]/.test(text) ? parse(text) : undefined;
  if (inner === undefined) return redactText(text);
  const within = { ...room };
  const clean = JSON.stringify(redactValue(inner, within));
  room.units = within.units;
  return clean;
}

function redactArray(values: readonly unknown[], room: Room): unknown[] {
  const clean: unknown[] = [];
  // Reserve the brackets and the mark.
  room.bytes -= 2 + MARK_BYTES;
  let isNamed = false;
  for (const value of values) {
    if (room.bytes < MIN_ROOM) {
      clean.push(CUT);
      return clean;
    }
    room.bytes -= 1;
    // ["--password", "x"] and ["Authorization", "x"].
    clean.push(isNamed ? hide(value, room) : redactValue(value, room));
    isNamed = typeof value === "string" && value.length < 64 && /^[\w-]+$/.test(value) &&
      isSecretName(value.replace(/^-{1,2}/, ""));
  }
  room.bytes += MARK_BYTES;
  return clean;
}

function redactObject(fields: object, room: Room): Record<string, unknown> {
  const clean: Record<string, unknown> = Object.create(null);
  room.bytes -= 2 + MARK_BYTES;
  // {"name": "Authorization", "value": "x"}.
  const isPair = ["name", "key", "header"].some((key) => {
    const name: unknown = (fields as Record<string, unknown>)[key];
    return typeof name === "string" && name.length < 64 && isSecretName(name);
  });
  for (const [name, value] of Object.entries(fields)) {
    if (room.bytes < MIN_ROOM) {
      clean[CUT] = CUT;
      return clean;
    }
    // Reserve room for the value.
    room.bytes -= 2 + MIN_ROOM / 2;
    const key = fit(redactString(name, room), room);
    room.bytes += MIN_ROOM / 2;
    const isSecret = isSecretName(name) && !(typeof value === "number" && COUNT_NAME.test(name));
    clean[key] = isSecret || (isPair && /value/i.test(name))
      ? hide(value, room)
      : redactValue(value, room);
  }
  room.bytes += MARK_BYTES;
  return clean;
}

/** Minimum room for a member: a short name, and a number or an empty object with its mark. */
const MIN_ROOM = 64;

/** Size of `,"…":"…"` in UTF-8. */
const MARK_BYTES = 12;

function hide(value: unknown, room: Room): unknown {
  room.bytes -= REDACTED.length + 2;
  return value === null || typeof value === "boolean" ? value : REDACTED;
}

/** Cuts a text to the room that is left. */
function fit(text: string, room: Room): string {
  room.bytes -= 2;
  for (let at = 0; at < text.length; at++) {
    const cost = jsonBytes(text.charCodeAt(at));
    // The mark takes three bytes.
    if (cost > room.bytes - 3) {
      room.bytes = Math.min(0, room.bytes - 3);
      return `${text.slice(0, at)}${CUT}`;
    }
    room.bytes -= cost;
  }
  return text;
}

/** Returns the maximum size of a code unit as JSON in UTF-8 bytes. */
function jsonBytes(code: number): number {
  if (code < 0x20 || (code >= 0xd800 && code < 0xe000)) return 6;
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x80) return 1;
  return code < 0x800 ? 2 : 3;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
