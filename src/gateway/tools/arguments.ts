import { CallerError } from "../../errors.ts";
import { hasEscapedKey, readJson } from "../../exact_json.ts";
import { countMembers, JsonText, measureParseCost, utf8Bytes } from "../../jsonrpc/mod.ts";
import { similarNames } from "../../similar_names.ts";
import type {
  Arguments,
  ArgumentSchema,
  ObjectArgument,
  ToolBase,
  ToolDefinition,
} from "./tool.ts";
import { isRecord } from "../../json.ts";

/** Maximum length of a text argument in UTF-16 code units. Names, lists of names and queries are shorter. */
const MAX_TEXT_LENGTH = 8192;

/**
 * Maximum length of objects that are compared if their texts differ, in UTF-16 code units. Comparing values that
 * are nested thousands of times would overflow the stack.
 */
const MAX_COMPARED_LENGTH = 2 * 1024;

/** Maximum of an integer argument: the longest duration that `setTimeout` accepts, in milliseconds. */
const MAX_INTEGER = 2 ** 31 - 1;

/** Minimum length of a name that is searched for in other names; shorter names are parts of too many names. */
const MIN_PART_LENGTH = 4;

/** The part of a tool that its arguments are checked against. */
export interface CheckedTool extends Pick<ToolBase, "aliases"> {
  /** The tool's name and schema. */
  readonly definition: Pick<ToolDefinition, "name" | "inputSchema">;
}

/**
 * Checks a call's arguments against the gateway tool's schema, which `tools/list` shows. For an
 * optional argument, `null` counts as absent. An object may also be a string of JSON, which some models
 * send.
 *
 * @param call The parsed arguments, and a function that returns the text of an argument as received.
 * @throws {CallerError} `INVALID_ARGUMENTS`, naming the argument.
 */
export function parseArguments(
  { definition, aliases = {} }: CheckedTool,
  { args: received, textOf }: {
    readonly args: unknown;
    readonly textOf: (name: string) => JsonText | undefined;
  },
): Arguments {
  const { properties, required = [] } = definition.inputSchema;
  const isAbsent = received === undefined || received === null;
  if (!isAbsent && !isRecord(received)) {
    throw argumentError(definition, `"arguments" must be an object, not ${describeType(received)}`);
  }
  const args: Record<string, string | number | boolean | ObjectArgument> = {};
  for (const [sentName, value] of isAbsent ? [] : Object.entries(received)) {
    const name = Object.hasOwn(aliases, sentName) ? aliases[sentName] ?? sentName : sentName;
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) throw unknownArgumentError(definition, sentName);
    if (value === null && !required.includes(name)) continue;
    const problem = checkValue(schema, value);
    if (problem !== undefined) throw argumentError(definition, `"${sentName}" ${problem}`);
    const argument = schema.type === "object"
      ? readObject(definition, { name: sentName, value, text: textOf(sentName) })
      : value as string | number | boolean;
    // The same argument may have come before under another accepted name.
    const previous = args[name];
    if (previous !== undefined && !areEqual(previous, argument)) {
      const names = [name, ...Object.keys(aliases).filter((alias) => aliases[alias] === name)];
      const quotedNames = names.map((alias) => `"${alias}"`).join(" and ");
      throw argumentError(
        definition,
        `${quotedNames} mean the same but differ; give only "${name}"`,
      );
    }
    args[name] = argument;
  }
  for (const name of required) {
    if (!Object.hasOwn(args, name)) throw argumentError(definition, `"${name}" is missing`);
  }
  return args;
}

function checkValue(schema: ArgumentSchema, value: unknown): string | undefined {
  switch (schema.type) {
    case "string":
      if (typeof value !== "string") return `must be a string, not ${describeType(value)}`;
      if (value.length > (schema.maxLength ?? MAX_TEXT_LENGTH)) {
        return `must have at most ${schema.maxLength ?? MAX_TEXT_LENGTH} characters`;
      }
      if (schema.enum?.includes(value) === false) {
        return `must be one of ${schema.enum.map((allowed) => `"${allowed}"`).join(", ")}`;
      }
      return undefined;
    case "boolean":
      return typeof value === "boolean"
        ? undefined
        : `must be true or false, not ${describeType(value)}`;
    case "integer":
      return isInRange(value, schema)
        ? undefined
        : `must be a whole number from ${schema.minimum ?? 0} to ${MAX_INTEGER}, not ` +
          (typeof value === "number" ? value : describeType(value));
    case "object":
      return undefined;
  }
}

function isInRange(value: unknown, { minimum = 0 }: ArgumentSchema): boolean {
  return Number.isInteger(value) && Number(value) >= minimum && Number(value) <= MAX_INTEGER;
}

/**
 * Reads the arguments of a tool of a server, which the tool itself checks. A string of JSON is an object, too.
 *
 * @param tool The name by which the tool was called.
 * @param sent The parsed arguments, and their text as received.
 * @returns `undefined` if the call has no arguments.
 * @throws {CallerError} `INVALID_ARGUMENTS`.
 */
export function readServerArguments(
  tool: string,
  { value, text }: { readonly value: unknown; readonly text: JsonText | undefined },
): ObjectArgument | undefined {
  if (value === undefined || value === null) return undefined;
  return readObject({ name: tool }, { name: "arguments", value, text });
}

function readObject(
  definition: Pick<ToolDefinition, "name">,
  { name, value, text }: { name: string; value: unknown; text: JsonText | undefined },
): ObjectArgument {
  if (isRecord(value)) {
    const argument = { text: text ?? new JsonText(JSON.stringify(value)), value };
    return requireUniqueKeys(definition, name, argument);
  }
  if (typeof value === "string") {
    // The message has been checked before, but not the JSON in its strings.
    const cost = measureParseCost(value, utf8Bytes(value) === value.length);
    if (cost.isTooComplex) {
      throw argumentError(definition, `"${name}" is nested too deeply or holds too many values`);
    }
    let parsedValue: unknown;
    try {
      parsedValue = JSON.parse(value);
    } catch {
      throw argumentError(definition, `"${name}" is a string that is not JSON; give an object`);
    }
    if (isRecord(parsedValue)) {
      const argument = {
        text: new JsonText(value.trim()),
        value: parsedValue,
        parsedMemory: cost.memory,
      };
      return requireUniqueKeys(definition, name, argument);
    }
    throw argumentError(
      definition,
      `"${name}" is a string that is not a JSON object; give an object`,
    );
  }
  throw argumentError(definition, `"${name}" must be an object, not ${describeType(value)}`);
}

/**
 * Returns the argument if no key occurs twice in one object. Of two values, the server might read one, while the rules
 * judge and the audit log shows the other.
 */
function requireUniqueKeys(
  definition: Pick<ToolDefinition, "name">,
  name: string,
  argument: ObjectArgument,
): ObjectArgument {
  const { json } = argument.text;
  if (hasEscapedKey(json)) {
    const exactJson = readJson(json);
    if (exactJson === undefined) {
      throw argumentError(
        definition,
        `"${name}" is too long, or holds too many values, for keys with escapes; write them without`,
      );
    }
    const { value, hasDuplicateKeys } = exactJson;
    if (isRecord(value) && !hasDuplicateKeys) return { ...argument, value };
  } else if (countMembers(json) === countKeys(argument.value)) return argument;
  throw argumentError(definition, `"${name}" has a key twice in one object; give each key once`);
}

/** Returns the number of keys of all objects in a value; without recursion, because of deep values. */
function countKeys(value: unknown): number {
  let count = 0;
  const remaining = [value];
  while (remaining.length > 0) {
    const next = remaining.pop();
    if (typeof next !== "object" || next === null) continue;
    const values = Object.values(next);
    if (!Array.isArray(next)) count += values.length;
    for (const inner of values) if (typeof inner === "object") remaining.push(inner);
  }
  return count;
}

/** Returns the error for an unknown argument, with a hint at the argument that was probably meant. */
function unknownArgumentError(
  definition: CheckedTool["definition"],
  sentName: string,
): CallerError {
  const { properties } = definition.inputSchema;
  const knownNames = Object.keys(properties);
  const similarArgument = findSimilarArgument(sentName, knownNames);
  const forwardedName = knownNames.find((name) => properties[name]?.additionalProperties);
  const hint = [
    ...(similarArgument === undefined ? [] : [`Did you mean "${similarArgument}"?`]),
    `It takes: ${knownNames.join(", ")}`,
    ...(forwardedName === undefined
      ? []
      : [`("${forwardedName}" is what the server's tool receives)`]),
  ].join(" ");
  return argumentError(definition, `"${sentName.slice(0, 64)}" is not an argument`, hint);
}

/** Finds the argument whose name contains, is contained in, or is similar to `sentName`. */
function findSimilarArgument(
  sentName: string,
  knownNames: readonly string[],
): string | undefined {
  const sentLetters = lettersOf(sentName.slice(0, 64));
  const match = knownNames.find((name) => {
    const letters = lettersOf(name);
    const [short, long] = letters.length < sentLetters.length
      ? [letters, sentLetters]
      : [sentLetters, letters];
    return short.length >= MIN_PART_LENGTH && long.includes(short);
  });
  return match ?? similarNames(sentName, knownNames, { max: 1 })[0];
}

/** Normalizes a name, so that `toolName` equals `tool_name`. */
function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, "");
}

/** Whether two arguments are equal, whatever the order of their keys. */
function areEqual(a: Arguments[string], b: Arguments[string]): boolean {
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  const [textA, textB] = [a.text.json, b.text.json];
  if (textA === textB) return true;
  return Math.max(textA.length, textB.length) <= MAX_COMPARED_LENGTH &&
    canonicalText(textA) === canonicalText(textB);
}

/** Returns a text that is equal for equal JSON, whatever the order of the keys. Numbers keep all of their digits. */
function canonicalText(json: string): string {
  return JSON.stringify(
    JSON.parse(json, (_key, value: unknown, { source }: { source?: string } = {}) => {
      if (typeof value === "number") return { number: source };
      // A list of pairs, because an object would put names like `7` first and lose `__proto__`.
      return isRecord(value)
        ? { members: Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1) }
        : value;
    }),
  );
}

function argumentError(
  { name }: Pick<ToolDefinition, "name">,
  problem: string,
  hint?: string,
): CallerError {
  const message = `${name}: ${problem}. Correct it and call again.`;
  return new CallerError("INVALID_ARGUMENTS", message, hint === undefined ? {} : { hint });
}

function describeType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
