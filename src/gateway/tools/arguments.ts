import { CallerError } from "../../errors.ts";
import { isTooComplex, JsonText } from "../../jsonrpc/mod.ts";
import type { Arguments, ArgumentSchema, ToolDefinition } from "./tool.ts";

/** Longest text argument in UTF-16 code units; no name or list of names needs more. */
const MAX_TEXT = 8192;

/**
 * Checks a call's arguments against the tool's own schema, the one that `tools/list` shows. `null`
 * counts as absent where an argument is optional. An object may also come as a string of JSON, which
 * is what some models send.
 *
 * @param definition The tool.
 * @param given The arguments as parsed.
 * @param textOf Gives the text of an argument as it came.
 * @throws {CallerError} `INVALID_ARGUMENTS`, naming the argument.
 */
export function parseArguments(
  definition: ToolDefinition,
  given: unknown,
  textOf: (name: string) => JsonText | undefined,
): Arguments {
  const { properties, required = [] } = definition.inputSchema;
  if (given !== undefined && !isObject(given)) {
    throw refuse(definition, `"arguments" must be an object, not ${describe(given)}`);
  }
  const args: Record<string, string | number | boolean | JsonText> = {};
  for (const name of given === undefined ? [] : Object.keys(given)) {
    const value = given?.[name];
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) {
      const known = Object.keys(properties).join(", ");
      throw refuse(definition, `"${name.slice(0, 64)}" is not an argument`, `It takes: ${known}`);
    }
    if (value === null && !required.includes(name)) continue;
    const problem = checkValue(schema, value);
    if (problem !== undefined) throw refuse(definition, `"${name}" ${problem}`);
    args[name] = schema.type === "object"
      ? objectText(definition, { name, value, text: textOf(name) })
      : value as string | number | boolean;
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
      if (!Number.isSafeInteger(value)) return `must be a whole number, not ${describe(value)}`;
      if (schema.minimum !== undefined && Number(value) < schema.minimum) {
        return `must be at least ${schema.minimum}`;
      }
      return undefined;
    case "object":
      return undefined;
  }
}

function objectText(
  definition: ToolDefinition,
  { name, value, text }: { name: string; value: unknown; text: JsonText | undefined },
): JsonText {
  if (isObject(value)) return text ?? new JsonText(JSON.stringify(value));
  if (typeof value === "string") {
    // The message was looked at from outside, where all of this is one string.
    if (isTooComplex(value)) {
      throw refuse(definition, `"${name}" is nested too deeply or holds too many objects`);
    }
    try {
      if (isObject(JSON.parse(value))) return new JsonText(value.trim());
    } catch {
      throw refuse(definition, `"${name}" is a string that holds no JSON; give an object`);
    }
    throw refuse(definition, `"${name}" is a string that holds no JSON object; give an object`);
  }
  throw refuse(definition, `"${name}" must be an object, not ${describe(value)}`);
}

function refuse({ name }: ToolDefinition, problem: string, hint?: string): CallerError {
  const message = `${name}: ${problem}. Correct it and call again.`;
  return new CallerError("INVALID_ARGUMENTS", message, hint === undefined ? {} : { hint });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
