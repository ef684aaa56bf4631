import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import { DEPTH_VARIABLE, MARK_VARIABLE } from "./depth.ts";
import { type Environment, type PlatformOptions } from "./environment.ts";
import { listSettings } from "./list_settings.ts";
import { didYouMean, editDistance } from "../similar_names.ts";

const PREFIX = "GATEWAY";

/** Maximum number of typos in a name that is still recognized. */
const MAX_TYPOS = 2;

/** Variables of CGI, and of Kubernetes for a service named `gateway`. */
const FOREIGN_NAMES = /^GATEWAY_(?:INTERFACE$|SERVICE_|PORT_\d)/;

/**
 * Warns of variables that are probably meant for the gateway but that it does not know, such as
 * `GATEWAY_AGNET`.
 *
 * @param env Only the names of the variables are read.
 * @param options The platform; names are case-insensitive on Windows.
 */
export function warnUnknownVariables(
  env: Environment,
  options: PlatformOptions = {},
): ConfigProblem[] {
  const windows = options.windows ?? Deno.build.os === "windows";
  // Most variables are not meant for the gateway, so the prefix is checked first.
  const gatewayNames = listNames(env).filter((name) =>
    hasOurPrefix(name) && !FOREIGN_NAMES.test(name)
  )
    .sort();
  if (gatewayNames.length === 0) return [];
  const settings = listSettings().map(({ variable }) => variable);
  const knownNames = new Set([...settings, DEPTH_VARIABLE, MARK_VARIABLE]);
  return gatewayNames.flatMap((name) => {
    const isKnown = knownNames.has(windows ? name.toUpperCase() : name);
    if (isKnown || !isProbablyOurs(name, knownNames)) return [];
    const hint = didYouMean(name, knownNames);
    const message = `the gateway does not know this variable and ignores it${hint}`;
    return [problemWithoutPosition(message, { path: name })];
  });
}

function getPrefix(name: string): string {
  return name.toUpperCase().split("_", 1)[0] ?? "";
}

/** Whether a name begins with our prefix, or with a mistyped one. */
function hasOurPrefix(name: string): boolean {
  const prefix = getPrefix(name);
  // Typos rarely change the first letter, and comparing it is fast.
  return prefix[0] === PREFIX[0] && Math.abs(prefix.length - PREFIX.length) <= MAX_TYPOS &&
    editDistance(prefix, PREFIX, MAX_TYPOS) <= MAX_TYPOS;
}

/** Whether the complete name shows that the variable is probably meant for the gateway. */
function isProbablyOurs(name: string, knownNames: ReadonlySet<string>): boolean {
  if (getPrefix(name) === PREFIX) return name.length > PREFIX.length;
  const upper = name.toUpperCase();
  return knownNames.values().some((variable) =>
    editDistance(upper, variable, MAX_TYPOS) <= MAX_TYPOS
  );
}

function listNames(env: Environment): string[] {
  try {
    return Object.keys(env.toObject());
  } catch (error) {
    // `--allow-env=NAMES` allows reading those variables, but not listing all.
    if (error instanceof Deno.errors.NotCapable) return [];
    throw error;
  }
}
