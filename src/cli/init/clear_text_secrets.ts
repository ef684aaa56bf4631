import { isSecretName, redactProbableSecrets } from "../../redact.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";

/**
 * Returns the fields of a server's entry that contain a secret in clear text, such as `env.TOKEN` and
 * `args[2]`. A reference (`${NAME}`) is not a secret.
 */
export function findClearTextSecrets(entry: JsonRecord): string[] {
  const fields = (["env", "headers"] as const).flatMap((key) =>
    Object.entries(isRecord(entry[key]) ? entry[key] : {})
      .filter(([field, value]) => isSecret(field, value))
      .map(([field]) => `${key}.${field}`)
  );
  const args = Array.isArray(entry.args) ? entry.args.map(String) : [];
  const secretArgs = args.flatMap((arg, index) =>
    isSecretArgument(arg, args[index - 1] ?? "") ? [`args[${index}]`] : []
  );
  const oauth = isRecord(entry.gateway) && isRecord(entry.gateway.oauth) ? entry.gateway.oauth : {};
  const secretUrl = isSecretUrl(entry.url) ? ["url"] : [];
  const clientSecret = isSecret("client_secret", oauth.client_secret)
    ? ["gateway.oauth.client_secret"]
    : [];
  return [...fields, ...secretArgs, ...secretUrl, ...clientSecret];
}

function isSecret(name: string, value: Json | undefined): boolean {
  if (value === undefined || value === null || isReference(String(value))) return false;
  return String(value) !== "" && (isSecretName(name) || looksSecret(String(value)));
}

/** Whether an argument contains a secret: with its name (`--api-key=x`), or after a flag (`--api-key x`). */
function isSecretArgument(arg: string, previousArg: string): boolean {
  if (isReference(arg)) return false;
  const [, name, value = ""] = /^-{0,2}([\w.-]+)\s*[=:]\s*([^]*)$/.exec(arg) ?? [];
  if (name !== undefined && value !== "" && !value.startsWith("//") && isSecretName(name)) {
    return true;
  }
  const isFlag = /^--?[a-z][\w-]*$/i.test(previousArg);
  if (isFlag && isSecretName(previousArg) && arg !== "" && !arg.startsWith("-")) return true;
  return looksSecret(arg) || isSecretUrl(arg);
}

function isSecretUrl(value: Json | undefined): boolean {
  if (typeof value !== "string" || isReference(value)) return false;
  const url = URL.parse(value);
  if (url === null) return false;
  const names = [...url.searchParams].filter(([, text]) => text !== "").map(([name]) => name);
  return url.password !== "" || names.some((name) => name === "key" || isSecretName(name)) ||
    looksSecret(value);
}

function looksSecret(text: string): boolean {
  return redactProbableSecrets(text) !== text;
}

function isReference(text: string): boolean {
  return text.includes("${");
}
