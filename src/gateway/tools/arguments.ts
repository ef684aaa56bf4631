import { CallerError } from "../../errors.ts";
import { isTooComplex, JsonText } from "../../jsonrpc/mod.ts";
import { similarNames } from "../../similar_names.ts";
import type {
  Arguments,
  ArgumentSchema,
  GatewayTool,
  ObjectArgument,
  ToolDefinition,
} from "./tool.ts";
import { isRecord } from "../../json.ts";

/** Maximum length of a text argument in UTF-16 code units; no name or list of names is longer. */
const MAX_TEXT = 8192;

/** Maximum of a number: the longest time of a timer, in milliseconds. */
const MAX_NUMBER = 2 ** 31 - 1;

/** Minimum length of a name that is searched for in others; shorter ones match too many. */
const MIN_PART = 4;

/**
 * Checks a call's arguments against the gateway tool's schema, which `tools/list` shows. For an
 * optional argument, `null` counts as absent. An object may also be a string of JSON, which some models
 * send.
 *
 * @param call The arguments as parsed, and a function that returns the text of one as received.
 * @throws {CallerError} `INVALID_ARGUMENTS`, naming the argument.
 */
export function parseArguments(
  { definition, aliases = {} }: GatewayTool,
  { given, textOf }: {
    readonly given: unknown;
    readonly textOf: (name: string) => JsonText | undefined;
  },
): Arguments {
  const { properties, required = [] } = definition.inputSchema;
  const isAbsent = given === undefined || given === null;
  if (!isAbsent && !isRecord(given)) {
    throw refuse(definition, `"arguments" must be an object, not ${describe(given)}`);
  }
  const args: Record<string, string | number | boolean | ObjectArgument> = {};
  for (const [sent, value] of isAbsent ? [] : Object.entries(given)) {
    const name = Object.hasOwn(aliases, sent) ? aliases[sent] ?? sent : sent;
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) throw refuseName(definition, sent);
    if (value === null && !required.includes(name)) continue;
    const problem = checkValue(schema, value);
    if (problem !== undefined) throw refuse(definition, `"${sent}" ${problem}`);
    const taken = schema.type === "object"
      ? readObject(definition, { name: sent, value, text: textOf(sent) })
      : value as string | number | boolean;
    const other = args[name];
    if (other !== undefined && canonical(other) !== canonical(taken)) {
      const names = [name, ...Object.keys(aliases).filter((alias) => aliases[alias] === name)];
      const both = names.map((one) => `"${one}"`).join(" and ");
      throw refuse(definition, `${both} mean the same but differ; give only "${name}"`);
    }
    args[name] = taken;
  }
  for (const name of required) {
    if (!Object.hasOwn(args, name)) throw refuse(definition, `"${name}" is missing`);
  }
  return args;
}

function checkValue(schema: ArgumentSchema, value: unknown): string | undefined {
  switch (schema.type) {
    case "string":
      if (typeof value !== "string") return `must be a string, not ${describe(value)}`;
      if (value.length > MAX_TEXT) return `must have at most ${MAX_TEXT} characters`;
      if (schema.enum?.includes(value) === false) {
        return `must be one of ${schema.enum.map((one) => `"${one}"`).join(", ")}`;
      }
      return undefined;
    case "boolean":
      return typeof value === "boolean"
        ? undefined
        : `must be true or false, not ${describe(value)}`;
    case "integer":
      return isInRange(value, schema)
        ? undefined
        : `must be a whole number from ${schema.minimum ?? 0} to ${MAX_NUMBER}, not ${
          typeof value === "number" ? value : describe(value)
        }`;
    case "object":
      return undefined;
  }
}

function isInRange(value: unknown, { minimum = 0 }: ArgumentSchema): boolean {
  return Number.isInteger(value) && Number(value) >= minimum && Number(value) <= MAX_NUMBER;
}

function readObject(
  definition: ToolDefinition,
  { name, value, text }: { name: string; value: unknown; text: JsonText | undefined },
): ObjectArgument {
  if (isRecord(value)) return { text: text ?? new JsonText(JSON.stringify(value)), value };
  if (typeof value === "string") {
    // The check of the whole message saw this value as one string.
    if (isTooComplex(value)) {
      throw refuse(definition, `"${name}" is nested too deeply or holds too many objects`);
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch {
      throw refuse(definition, `"${name}" is a string that holds no JSON; give an object`);
    }
    if (isRecord(parsed)) return { text: new JsonText(value.trim()), value: parsed };
    throw refuse(definition, `"${name}" is a string that holds no JSON object; give an object`);
  }
  throw refuse(definition, `"${name}" must be an object, not ${describe(value)}`);
}

/** Refuses an unknown argument, and suggests the one that was probably meant. */
function refuseName(definition: ToolDefinition, sent: string): CallerError {
  const { properties } = definition.inputSchema;
  const known = Object.keys(properties);
  const near = nearArgument(sent, known);
  const open = known.find((name) => properties[name]?.additionalProperties);
  const hint = [
    ...(near === undefined ? [] : [`Did you mean "${near}"?`]),
    `It takes: ${known.join(", ")}`,
    ...(open === undefined ? [] : [`("${open}" is what the server's tool receives)`]),
  ].join(" ");
  return refuse(definition, `"${sent.slice(0, 64)}" is not an argument`, hint);
}

/** Finds the argument whose name contains, is contained in, or is similar to `sent`. */
function nearArgument(sent: string, known: readonly string[]): string | undefined {
  const given = lettersOf(sent.slice(0, 64));
  const part = known.find((name) => {
    const letters = lettersOf(name);
    const [short, long] = letters.length < given.length ? [letters, given] : [given, letters];
    return short.length >= MIN_PART && long.includes(short);
  });
  return part ?? similarNames(sent, known, { max: 1 })[0];
}

/** Normalizes a name, so that `toolName` equals `tool_name`. */
function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, "");
}

/** Returns a text that is equal for equal values, whatever the order of their keys. */
function canonical(value: Arguments[string]): string {
  return typeof value === "object" ? JSON.stringify(value.value, sortKeys) : JSON.stringify(value);
}

function sortKeys(_key: string, value: unknown): unknown {
  // Pairs instead of an object, which would put names like `7` first and lose `__proto__`.
  return isRecord(value) ? Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1) : value;
}

function refuse({ name }: ToolDefinition, problem: string, hint?: string): CallerError {
  const message = `${name}: ${problem}. Correct it and call again.`;
  return new CallerError("INVALID_ARGUMENTS", message, hint === undefined ? {} : { hint });
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
