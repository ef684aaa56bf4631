/**
 * Removes secrets from texts before they are written. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Replaces a secret. */
export const REDACTED = "[redacted]";

/** Minimum length of a secret; shorter values are usually words, ports and flags. */
const MIN_SECRET_LENGTH = 6;

/**
 * Removes known secrets and the user's home folder from a text.
 *
 * @param text The output of a server or a library.
 * @param secrets Values to remove, such as those of a server's own variables; values shorter than 6
 * characters are kept.
 * @param home The home folder, shown as `~`.
 */
export function redactKnownSecrets(
  text: string,
  secrets: readonly string[],
  home?: string,
): string {
  let redacted = text;
  const longSecrets = secrets.filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  // The longest secrets come first, so that a secret that contains another secret is removed completely.
  for (const secret of longSecrets.sort((a, b) => b.length - a.length)) {
    redacted = redacted.replaceAll(secret, REDACTED);
  }
  return home === undefined || home.length < 2 ? redacted : redacted.replaceAll(home, "~");
}

/** Words in the names of secrets; `api_key`, `apiKey` and `API-Key` all match. */
const SECRET_WORDS =
  "pass(?:word|wd|phrase|code)|pwd|secret|token|credential|authorization|cookie|" +
  "bearer|jwt|signature|(?:api|access|private|secret|signing|encryption|master|auth|account)" +
  "[-_ ]?key|session[-_ ]?id|connection[-_ ]?string";

const SECRET_NAME = new RegExp(
  `${SECRET_WORDS}|^(?:auth|pin|otp|cvv|cvc|sig)$|(?:^|[-_ ])pass$`,
  "i",
);

/** Matches `dbPass`, but not `compass`. */
const CAMEL_PASS = /[a-z\d]Pass$/;

/** Whether a name, such as that of a variable or a field, is the name of a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) || CAMEL_PASS.test(name);
}

// Every pattern takes linear time: its beginning cannot occur again within a match, it consumes all characters that it
// reads, or it reads a bounded number of characters.
const QUOTE = `[\\\\"'\`]{0,16}`;
const VALUE = `"(?:[^"\\\\]|\\\\[^])*"?|'(?:[^'\\\\]|\\\\[^])*'?|\\\\+"[^"]*"?|[^\\s"'\`&]+`;
const SCHEME = "(?:bearer|basic|digest|negotiate|token|apikey)";

const KEY_BEGIN = "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY";
const KEY_END = "-----END [A-Z0-9 ]{0,40}KEY";

const PATTERNS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Private keys, also those that are cut off.
  [new RegExp(`${KEY_BEGIN}[^]*?(?:${KEY_END}[A-Z ]{0,10}-----|$)`, "g"), REDACTED],
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
      `((?:${SECRET_WORDS})[\\w-]{0,24}${QUOTE}\\s{0,8}(?::=|=>|[:=])\\s{0,8}(?:${SCHEME}\\s{1,8})?)(?:${VALUE})`,
      "gi",
    ),
    `$1${REDACTED}`,
  ],
  [
    new RegExp(`(--?[\\w-]{0,24}(?:${SECRET_WORDS})[\\w-]{0,24}\\s{1,8})(?!-)(?:${VALUE})`, "gi"),
    `$1${REDACTED}`,
  ],
  // DB_PASS=x, and the signatures in URLs of shared files.
  [
    new RegExp(`([-_]pass${QUOTE}\\s{0,8}[:=]\\s{0,8}|[?&;]sig=)(?:${VALUE})`, "gi"),
    `$1${REDACTED}`,
  ],
  // --user name:password, as of curl.
  [/(\s(?:-u|--user)[\s=]{1,8}[^\s:]{1,256}:)[^\s]+/g, `$1${REDACTED}`],
  // Bearer x, as in the value of an Authorization header.
  [/\b(bearer|basic|digest|negotiate)(\s{1,8})[\w\-.~+/=]{8,}/gi, `$1$2${REDACTED}`],
  // JSON in base64, as in JWTs.
  [/eyJ[\w-]{16,}(?:\.[\w-]*)*/g, REDACTED],
  // The prefixes of providers' keys.
  [/\b(?:[sr]k[-_]|pk_(?:live|test)_)[\w-]{16,}/g, REDACTED],
  [
    /(?:gh[pousr]|npm|hf|whsec|ntn|sbp|shp(?:at|ss|ca|pa)|lin_api|dop_v1|figd)_[A-Za-z0-9]{16,}/g,
    REDACTED,
  ],
  [
    /(?:github_pat_|secret_|glpat-|pypi-|xox[a-z]-|xapp-|PMAK-|hv[sb]\.|amg_|ya29\.|GOCSPX-)[\w-]{10,}/g,
    REDACTED,
  ],
  [/SG\.[\w-]{16,}\.[\w-]{16,}/g, REDACTED],
  [/(?:AKIA|ASIA)[A-Z0-9]{16}/g, REDACTED],
  [/AIza[\w-]{30,}/g, REDACTED],
  [/ATATT3[\w=-]{20,}/g, REDACTED],
  [/\b\d{8,10}:[\w-]{35}\b/g, REDACTED],
  [/(hooks\.slack\.com\/(?:services|workflows)\/)[^\s"']+/g, `$1${REDACTED}`],
];

/**
 * Removes probable secrets from a text: private keys, bearer tokens, JWTs, keys of known providers,
 * passwords in URLs, and values that follow the name of a secret. Takes linear time.
 */
export function redactProbableSecrets(text: string): string {
  let redacted = text;
  for (const [pattern, replacement] of PATTERNS) {
    redacted = redacted.replace(pattern, replacement);
  }
  return redacted;
}

const KEY_BEGIN_LINE = new RegExp(KEY_BEGIN);
const KEY_END_LINE = new RegExp(KEY_END);

/** Matches a trimmed line between the first and the last line of a private key. */
const KEY_BODY_LINE = /^(?:[A-Za-z0-9+/=]*|(?:Proc-Type|DEK-Info): .*)$/;

/**
 * Removes private keys from output line by line: if only the last lines of the output are kept, the beginning
 * of a key may be missing, so that `redactProbableSecrets` would not recognize the key.
 */
export class PrivateKeyRedactor {
  #isInKey = false;

  /** Returns the next line without its part of a private key. */
  redactLine(line: string): string {
    if (this.#isInKey) {
      this.#isInKey = KEY_BODY_LINE.test(line.trim());
      if (this.#isInKey || KEY_END_LINE.test(line)) return "";
    }
    const beginAt = line.search(KEY_BEGIN_LINE);
    // A whole key in one line is left to `redactProbableSecrets`.
    if (beginAt < 0 || KEY_END_LINE.test(line)) return line;
    this.#isInKey = true;
    return `${line.slice(0, beginAt)}${REDACTED}`;
  }
}

/** Removes the last word of a text that was cut, or its part from `://` on, because it may be half a secret. */
export function withoutLastWord(text: string): string {
  const lastWordAt = text.search(/\s\S*$/);
  const addressAt = text.lastIndexOf("://");
  return lastWordAt >= 0 || addressAt >= 0 ? text.slice(0, Math.max(lastWordAt, addressAt)) : text;
}
