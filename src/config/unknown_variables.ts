import type { ConfigProblem } from "../errors.ts";
import { DEPTH_VARIABLE } from "./depth.ts";
import { type Environment, type PlatformOptions } from "./environment.ts";
import { listSettings } from "./settings.ts";
import { didYouMean, editDistance } from "../near_names.ts";

const PREFIX = "GATEWAY";

/** Variables of CGI, and of Kubernetes for a service named `gateway`. */
const FOREIGN = /^GATEWAY_(?:INTERFACE$|SERVICE_|PORT_\d)/;

/**
 * Warns of variables that are probably meant for the gateway but that it does not know, such as
 * `GATEWAY_AGNET`.
 *
 * @param env Only the names of the variables are read.
 * @param options The platform; names are case-insensitive on Windows.
 */
export function warnVariables(env: Environment, options: PlatformOptions = {}): ConfigProblem[] {
  const windows = options.windows ?? Deno.build.os === "windows";
  const known = new Set([...listSettings().map(({ variable }) => variable), DEPTH_VARIABLE]);
  return listNames(env).sort().flatMap((name) => {
    const isKnown = known.has(windows ? name.toUpperCase() : name);
    if (isKnown || FOREIGN.test(name) || !isMeant(name, known)) return [];
    const message = `the gateway does not know this variable and ignores it${
      didYouMean(name, known)
    }`;
    return [{ file: "", line: 0, column: 0, path: name, message }];
  });
}

function isMeant(name: string, known: ReadonlySet<string>): boolean {
  const upper = name.toUpperCase();
  const [prefix = ""] = upper.split("_", 1);
  if (prefix === PREFIX) return upper.length > PREFIX.length;
  // The environment has variables of many programs: the prefix rules out most of them quickly.
  if (Math.abs(prefix.length - PREFIX.length) > 2 || editDistance(prefix, PREFIX) > 2) return false;
  return [...known].some((one) => editDistance(upper, one) <= 2);
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
