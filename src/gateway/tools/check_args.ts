/**
 * Checks a call's arguments against the tool's input schema. Schemas come from servers and may be
 * anything, so nothing here runs a schema's patterns, throws, or works longer than the walk's budget:
 * one small schema can keep a validator that supports every keyword busy for minutes.
 */

import type { Tool } from "../../downstream/mod.ts";
import {
  alternativesOf,
  follow,
  hasMoreAlternatives,
  isSchema,
  listOf,
  maxNesting,
  type Schema,
  shapeOf,
  startWalk,
  type Walk,
} from "./schema_shape.ts";
import { isRecord } from "../../json.ts";

/** Maximum size of a schema that is checked, in UTF-16 code units; real ones are far smaller. */
const MAX_SCHEMA = 256 * 1024;

const MAX_ERRORS = 3;

const MAX_MISSING = 10;

/** The types of JSON Schema; a server's schema may name others, which say nothing. */
const TYPES: ReadonlySet<unknown> = new Set([
  "string",
  "number",
  "integer",
  "boolean",
  "array",
  "object",
]);

/** Words in a description which suggest that the server fills in the argument. */
const FILLED_IN = /default|optional|omit|leave|left|\bnot (?:given|set|provided|specified)\b/i;

/** Maximum length of a name and of a list of values in a message. */
const MAX_NAME = 64;
const MAX_VALUES = 200;

type Args = Readonly<Record<string, unknown>>;

/**
 * Finds missing required arguments without which the call cannot succeed. Many servers are more lenient
 * than their schemas: they convert types, ignore unknown arguments, and fill in missing ones. So an
 * argument counts only if nothing suggests a default for it, and no given argument may be the same
 * under another name.
 *
 * @param tool The tool; its input schema may be anything.
 * @returns Up to ten arguments, each as its name and type, such as `"path" (string)`.
 */
export function findMissingArguments({ definition }: Tool, args: Args): string[] {
  const schema = definition["inputSchema"];
  // Until draft 7, all keywords next to `$ref` are ignored.
  if (!isSchema(schema) || Object.hasOwn(schema, "$ref")) return [];
  const required = listOf(schema["required"]);
  const missing = required.filter((name): name is string => {
    return typeof name === "string" && !Object.hasOwn(args, name);
  });
  if (missing.length === 0) return [];
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  if (Object.keys(args).some((name) => !Object.hasOwn(properties, name))) return [];
  return missing.flatMap((name) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return isSchema(property) && isNeeded(property)
      ? [`${quoted(name)} (${property["type"]})`]
      : [];
  }).slice(0, MAX_MISSING);
}

/** Whether the values have one plain type, and nothing suggests a default. */
function isNeeded(property: Schema): boolean {
  const { type, nullable, readOnly, description, enum: values } = property;
  // The server sets read-only properties, not the caller.
  if (!TYPES.has(type) || nullable === true || readOnly === true) return false;
  if (Object.hasOwn(property, "default") || Object.hasOwn(property, "const")) return false;
  if (listOf(values).includes(null)) return false;
  return typeof description !== "string" || !FILLED_IN.test(description);
}

/**
 * Checks the arguments strictly against the schema. The server may have accepted them all the same.
 *
 * @param tool The tool; its input schema may be anything.
 * @returns Up to three sentences without a full stop; none if nothing is wrong, or it cannot be decided.
 */
export function findSchemaErrors({ definition, text }: Tool, args: Args): string[] {
  if (text.json.length > MAX_SCHEMA) return [];
  const schema = definition["inputSchema"];
  const walk = startWalk(schema);
  const found: string[] = [];
  check(schema, args, { path: "", nesting: 0, walk, found });
  return walk.work < 0 ? [] : [...new Set(found)].slice(0, MAX_ERRORS);
}

interface SchemaPosition {
  /** Path of the value in the arguments, such as `filter.names[0]`. */
  readonly path: string;
  readonly nesting: number;
  readonly walk: Walk;
  readonly found: string[];
}

function check(schema: unknown, value: unknown, position: SchemaPosition): void {
  const { walk, found, nesting } = position;
  walk.work -= 1;
  if (nesting > maxNesting) walk.work = -1;
  if (walk.work < 0 || found.length >= MAX_ERRORS || !isSchema(schema)) return;
  if (value === null && schema["nullable"] === true) return;
  const inner = { ...position, nesting: nesting + 1 };
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    follow(reference, { walk, visit: (part) => check(part, value, inner) });
    return;
  }
  const types = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"] ?? "any"];
  if (!types.some((type) => isOfType(value, type))) {
    found.push(`${nameOf(position)} must be of type ${types.join(" or ").slice(0, MAX_NAME)}`);
    return;
  }
  checkValues(schema, value, position);
  const alternatives = alternativesOf(schema);
  if (
    alternatives.length > 0 && !hasMoreAlternatives(schema) &&
    !alternatives.some((part) => fits(part, value, inner))
  ) {
    found.push(`${nameOf(position)} fits none of the alternatives of the schema`);
  }
  if (isRecord(value)) {
    checkObject(schema, value, inner);
    return;
  }
  for (const part of listOf(schema["allOf"])) check(part, value, inner);
  // Next to `prefixItems`, `items` applies only to the remaining values.
  if (Array.isArray(value) && !Object.hasOwn(schema, "prefixItems")) {
    for (const [index, item] of value.entries()) {
      if (walk.work < 0 || found.length >= MAX_ERRORS) break;
      check(schema["items"], item, { ...inner, path: `${position.path}[${index}]` });
    }
  }
}

function fits(schema: unknown, value: unknown, position: SchemaPosition): boolean {
  const found: string[] = [];
  check(schema, value, { ...position, found });
  return found.length === 0;
}

function checkValues(schema: Schema, value: unknown, position: SchemaPosition): void {
  const values = Object.hasOwn(schema, "const") ? [schema["const"]] : listOf(schema["enum"]);
  position.walk.work -= values.length;
  // Objects would have to be compared deeply; servers do not list any.
  const isPlain = values.every((one) => typeof one !== "object" || one === null);
  if (values.length === 0 || !isPlain || values.includes(value)) return;
  const list = values.map((one) => JSON.stringify(one)).join(", ");
  const shown = list.length > MAX_VALUES ? `${list.slice(0, MAX_VALUES)}…` : list;
  position.found.push(`${nameOf(position)} must be ${values.length > 1 ? "one of " : ""}${shown}`);
}

function checkObject(schema: Schema, value: Args, position: SchemaPosition): void {
  const { walk, found, path } = position;
  const shape = shapeOf(schema, walk);
  const names = Object.keys(value);
  walk.work -= names.length;
  for (const name of shape.required) {
    if (typeof name !== "string" || Object.hasOwn(value, name)) continue;
    const property = shape.properties.get(name);
    if (isSchema(property) && Object.hasOwn(property, "default")) continue;
    found.push(`${nameOf({ path: inside(path, name) })} is missing`);
  }
  for (const name of names) {
    if (walk.work < 0 || found.length >= MAX_ERRORS) return;
    const within = { ...position, path: inside(path, name) };
    if (shape.properties.has(name)) check(shape.properties.get(name), value[name], within);
    // The patterns are not run, so the name may match any of them.
    else if (shape.hasPatterns) continue;
    else if (shape.rest === false) found.push(`${nameOf(within)} is not an argument`);
    else check(shape.rest, value[name], within);
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

function inside(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function nameOf({ path }: { readonly path: string }): string {
  return path === "" ? "args" : quoted(path);
}

function quoted(name: string): string {
  return JSON.stringify(name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name);
}
