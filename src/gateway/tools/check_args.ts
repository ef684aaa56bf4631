/**
 * Checks a call's arguments against the tool's input schema. Schemas come from servers and may be
 * anything: a small schema can keep a validator of all keywords busy for minutes. So the functions here
 * ignore patterns, throw nothing, and do at most as much work as the budget of a walk allows.
 */

import type { Tool } from "../../downstream/mod.ts";
import {
  alternativesOf,
  followReference,
  hasMoreAlternatives,
  isSchema,
  listOf,
  MAX_MEMBERS,
  MAX_NESTING,
  type Schema,
  shapeOf,
  spend,
  startWalk,
  VISIT_WORK,
  type Walk,
} from "./schema_shape.ts";
import { isRecord } from "../../json.ts";
import { shortenText } from "../../text.ts";

/** Maximum length of a tool definition that is checked, in UTF-16 code units; real definitions are far shorter. */
const MAX_DEFINITION_LENGTH = 256 * 1024;

const MAX_ERRORS = 3;

const MAX_MISSING_ARGUMENTS = 10;

/** The types of arguments that are reported as missing: those of JSON Schema, without `null`. */
const ARGUMENT_TYPES: ReadonlySet<unknown> = new Set([
  "string",
  "number",
  "integer",
  "boolean",
  "array",
  "object",
]);

/** Matches words in a description which suggest that the argument has a default. */
const DEFAULT_WORDS = /default|optional|omit|leave|left|\bnot (?:given|set|provided|specified)\b/i;

/** Maximum length of a name in a message. */
const MAX_NAME_LENGTH = 64;

/** Maximum length of a list of values in a message, and of a text that is compared with an argument. */
const MAX_VALUES_LENGTH = 200;

type Args = Readonly<Record<string, unknown>>;

/**
 * Finds missing required arguments without which the call cannot succeed. Many servers are more lenient
 * than their schemas: they convert types, ignore unknown arguments, and fill in missing ones. So a missing
 * argument is reported only if nothing suggests a default for it, and if the call has no unknown argument,
 * which might be the missing argument under another name.
 *
 * @param tool The tool; its input schema may be anything.
 * @returns Up to ten arguments, each as its name and type, such as `"path" (string)`.
 */
export function findMissingArguments({ definition }: Tool, args: Args): string[] {
  const schema = definition["inputSchema"];
  // Until draft 7, all keywords next to `$ref` are ignored.
  if (!isSchema(schema) || Object.hasOwn(schema, "$ref")) return [];
  const missingNames = new Set<string>();
  for (const name of listOf(schema["required"])) {
    if (typeof name === "string" && !Object.hasOwn(args, name)) missingNames.add(name);
  }
  if (missingNames.size === 0) return [];
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  if (Object.keys(args).some((name) => !Object.hasOwn(properties, name))) return [];
  return missingNames.values().flatMap((name) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return isSchema(property) && isNeeded(property)
      ? [`${quoteName(name)} (${property["type"]})`]
      : [];
  }).take(MAX_MISSING_ARGUMENTS).toArray();
}

/** Whether a property has one plain type, and nothing suggests a default for it. */
function isNeeded(property: Schema): boolean {
  const { type, nullable, readOnly, description, enum: values } = property;
  // The server sets read-only properties, not the caller.
  if (!ARGUMENT_TYPES.has(type) || nullable === true || readOnly === true) return false;
  if (Object.hasOwn(property, "default") || Object.hasOwn(property, "const")) return false;
  if (listOf(values).includes(null)) return false;
  return typeof description !== "string" || !DEFAULT_WORDS.test(description);
}

/**
 * Checks the arguments strictly against the schema. The server may have accepted them all the same.
 *
 * @param tool The tool; its input schema may be anything.
 * @returns Up to three errors, each a sentence without a full stop; none if the arguments match, or if the
 * check exceeds the budget of its walk.
 */
export function findSchemaErrors({ definition, text }: Tool, args: Args): string[] {
  if (text.json.length > MAX_DEFINITION_LENGTH) return [];
  const schema = definition["inputSchema"];
  const walk = startWalk(schema);
  const errors: string[] = [];
  checkSchema(schema, args, { path: "", nesting: 0, walk, errors });
  return walk.workLeft < 0 ? [] : [...new Set(errors)].slice(0, MAX_ERRORS);
}

interface SchemaPosition {
  /** Path of the value in the arguments, such as `filter.names[0]`; cut if it is too long for a message. */
  readonly path: string;
  readonly nesting: number;
  readonly walk: Walk;
  readonly errors: string[];
}

function checkSchema(schema: unknown, value: unknown, position: SchemaPosition): void {
  const { walk, errors, nesting } = position;
  if (nesting > MAX_NESTING) walk.workLeft = -1;
  if (!spend(walk, VISIT_WORK) || errors.length >= MAX_ERRORS || !isSchema(schema)) return;
  if (value === null && schema["nullable"] === true) return;
  const innerPosition = { ...position, nesting: nesting + 1 };
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    followReference(reference, { walk, visit: (part) => checkSchema(part, value, innerPosition) });
    return;
  }
  const types = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"] ?? "any"];
  if (!spend(walk, types.length)) return;
  if (!types.some((type) => isOfType(value, type))) {
    const list = types.slice(0, MAX_MEMBERS).join(" or ").slice(0, MAX_NAME_LENGTH);
    errors.push(`${describePath(position)} must be of type ${list}`);
    return;
  }
  checkAllowedValues(schema, value, position);
  const alternatives = alternativesOf(schema);
  if (
    alternatives.length > 0 && !hasMoreAlternatives(schema) &&
    !alternatives.some((part) => matches(part, value, innerPosition))
  ) {
    errors.push(`${describePath(position)} fits none of the alternatives of the schema`);
  }
  if (isRecord(value)) {
    checkObject(schema, value, innerPosition);
    return;
  }
  for (const part of listOf(schema["allOf"])) {
    if (walk.workLeft < 0 || errors.length >= MAX_ERRORS) return;
    checkSchema(part, value, innerPosition);
  }
  // Next to `prefixItems`, `items` applies only to the remaining values.
  if (Array.isArray(value) && !Object.hasOwn(schema, "prefixItems")) {
    for (const [index, item] of value.entries()) {
      if (walk.workLeft < 0 || errors.length >= MAX_ERRORS) break;
      const path = extendPath(position.path, `[${index}]`);
      checkSchema(schema["items"], item, { ...innerPosition, path });
    }
  }
}

function matches(schema: unknown, value: unknown, position: SchemaPosition): boolean {
  const errors: string[] = [];
  checkSchema(schema, value, { ...position, errors });
  return errors.length === 0;
}

function checkAllowedValues(schema: Schema, value: unknown, position: SchemaPosition): void {
  const values = Object.hasOwn(schema, "const") ? [schema["const"]] : listOf(schema["enum"]);
  if (values.length === 0 || !spend(position.walk, values.length)) return;
  if (!values.every(isComparable) || values.includes(value)) return;
  let list = "";
  for (const allowedValue of values) {
    if (list.length > MAX_VALUES_LENGTH) break;
    list += `${list && ", "}${JSON.stringify(allowedValue)}`;
  }
  if (!spend(position.walk, list.length)) return;
  const shownList = list.length > MAX_VALUES_LENGTH ? `${list.slice(0, MAX_VALUES_LENGTH)}…` : list;
  position.errors.push(
    `${describePath(position)} must be ${values.length > 1 ? "one of " : ""}${shownList}`,
  );
}

/** Whether comparing a value is cheap. Comparing an object or a long text is not, but both are rare. */
function isComparable(value: unknown): boolean {
  if (typeof value === "string") return value.length <= MAX_VALUES_LENGTH;
  return typeof value !== "object" || value === null;
}

function checkObject(schema: Schema, value: Args, position: SchemaPosition): void {
  const { walk, errors, path } = position;
  const shape = shapeOf(schema, walk);
  const names = Object.keys(value);
  if (!spend(walk, names.length + shape.required.size)) return;
  for (const name of shape.required) {
    if (errors.length >= MAX_ERRORS) return;
    if (typeof name !== "string" || Object.hasOwn(value, name)) continue;
    const property = shape.properties.get(name);
    if (isSchema(property) && Object.hasOwn(property, "default")) continue;
    errors.push(`${describePath({ path: joinPath(path, name) })} is missing`);
  }
  for (const name of names) {
    if (walk.workLeft < 0 || errors.length >= MAX_ERRORS) return;
    const member = { ...position, path: joinPath(path, name) };
    if (shape.properties.has(name)) checkSchema(shape.properties.get(name), value[name], member);
    // Patterns are not evaluated, so the name may match one of them.
    else if (shape.hasPatterns) continue;
    else if (shape.additional === false) errors.push(`${describePath(member)} is not an argument`);
    else checkSchema(shape.additional, value[name], member);
  }
}

function isOfType(value: unknown, type: unknown): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isRecord(value);
    default:
      return true;
  }
}

function joinPath(path: string, name: string): string {
  return path === "" ? extendPath(path, name) : extendPath(`${path}.`, name);
}

/** Appends a step to a path that is not longer than a name in a message. */
function extendPath(path: string, step: string): string {
  return path.length > MAX_NAME_LENGTH ? path : path + step.slice(0, MAX_NAME_LENGTH + 1);
}

function describePath({ path }: { readonly path: string }): string {
  return path === "" ? "args" : quoteName(path);
}

function quoteName(name: string): string {
  return JSON.stringify(shortenText(name, MAX_NAME_LENGTH));
}
