import { isRecord } from "../../json.ts";

/**
 * Reads JSON Schemas, which come from servers and may be anything: nothing here throws, follows a cycle,
 * or works longer than the walk's budget.
 */

/** A schema that is an object; others are `true`, `false`, or invalid. */
export type Schema = Readonly<Record<string, unknown>>;

/** An object schema, merged with its `allOf` parts. */
export interface ObjectShape {
  readonly properties: Map<string, unknown>;
  readonly required: Set<unknown>;
  /** Schema of all other properties: `false` if there are none, `undefined` if not specified. */
  additional?: unknown;
  /** Whether there are `patternProperties`; then `additional` is the schema of the first pattern. */
  hasPatterns: boolean;
}

/** The state of one walk through a schema. */
export interface Walk {
  readonly root: unknown;
  /** The references whose targets are being visited, so that a cycle is noticed. */
  readonly openReferences: Set<string>;
  /** The targets of the references so far. */
  readonly targets: Map<string, unknown>;
  /** The keys of the objects so far: listing those of a large object takes long. */
  readonly keys: Map<object, readonly string[]>;
  /** The work that may still be done; negative if the budget is exhausted. */
  workLeft: number;
}

/** Maximum nesting of schemas that is read. */
export const MAX_NESTING = 24;
/** Maximum number of members that are read of a union, an enum or `allOf`. */
export const MAX_MEMBERS = 20;
const MAX_ALTERNATIVES = 2 * MAX_MEMBERS;
/** Maximum length of a reference that is followed. */
const MAX_REFERENCE_LENGTH = 1_000;
/** The budget of a walk; one unit is an element of a list or a character of a text, about 0.3 µs. */
const INITIAL_WORK = 40_000;
/** The work of visiting one schema, without its lists, and of collecting one property. */
export const VISIT_WORK = 5;
const PROPERTY_WORK = 3;

/** Starts a walk through an input schema. */
export function startWalk(root: unknown): Walk {
  return {
    root,
    openReferences: new Set(),
    targets: new Map(),
    keys: new Map(),
    workLeft: INITIAL_WORK,
  };
}

/** Subtracts work from the budget of a walk; returns whether the budget allows it. */
export function spend(walk: Walk, work: number): boolean {
  walk.workLeft -= work;
  return walk.workLeft >= 0;
}

/** Collects the properties of an object schema; not all of them if the walk's budget is exhausted. */
export function shapeOf(schema: Schema, walk: Walk): ObjectShape {
  const shape: ObjectShape = {
    properties: new Map(),
    required: new Set(),
    hasPatterns: false,
  };
  addShape(shape, schema, walk, 0);
  return shape;
}

function addShape(shape: ObjectShape, schema: unknown, walk: Walk, nesting: number): void {
  if (!spend(walk, VISIT_WORK) || !isSchema(schema) || nesting > MAX_NESTING) return;
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    followReference(reference, { walk, visit: (part) => addShape(shape, part, walk, nesting + 1) });
  }
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const names = keysOf(properties, walk);
  const required = listOf(schema["required"]);
  if (!spend(walk, PROPERTY_WORK * names.length + required.length)) return;
  for (const name of names) {
    if (!shape.properties.has(name)) shape.properties.set(name, properties[name]);
  }
  for (const name of required) shape.required.add(name);
  const patterns = isSchema(schema["patternProperties"]) ? schema["patternProperties"] : {};
  const [pattern] = keysOf(patterns, walk);
  shape.hasPatterns ||= pattern !== undefined;
  shape.additional ??= (pattern === undefined ? undefined : patterns[pattern]) ??
    schema["additionalProperties"];
  for (const part of listOf(schema["allOf"]).slice(0, MAX_MEMBERS)) {
    addShape(shape, part, walk, nesting + 1);
  }
}

/** Visits the target of a reference; returns `undefined` in a cycle, when it is already being visited. */
export function followReference<T>(
  reference: string,
  { walk, visit }: { readonly walk: Walk; readonly visit: (part: unknown) => T },
): T | undefined {
  if (reference.length > MAX_REFERENCE_LENGTH) return visit(undefined);
  if (walk.openReferences.has(reference)) return undefined;
  walk.openReferences.add(reference);
  if (!walk.targets.has(reference)) {
    walk.targets.set(reference, resolvePointer(reference, walk.root));
  }
  const result = visit(walk.targets.get(reference));
  walk.openReferences.delete(reference);
  return result;
}

/** Resolves a pointer into this document (`#`, `#/$defs/Node`); `undefined` if there is no target. */
function resolvePointer(reference: string, root: unknown): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let part = root;
  for (const step of reference.split("/", MAX_NESTING).slice(1)) {
    const key = decodeUri(step).replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof part !== "object" || part === null || !Object.hasOwn(part, key)) return undefined;
    part = (part as Record<string, unknown>)[key];
  }
  return part;
}

function decodeUri(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** Returns the type names of a schema, declared or evident from other keywords. */
export function typeNamesOf(schema: Schema, walk: Walk): readonly unknown[] {
  const type = schema["type"];
  if (Array.isArray(type)) return type.slice(0, MAX_MEMBERS);
  if (typeof type === "string") return [type];
  const isObject = isSchema(schema["properties"]) || isSchema(schema["patternProperties"]) ||
    hasKeywords(schema["additionalProperties"], walk);
  if (isObject) return ["object"];
  return "items" in schema || "prefixItems" in schema ? ["array"] : [];
}

/** Returns the parts of `anyOf`, or else of `oneOf`. */
export function alternativesOf(schema: Schema): readonly unknown[] {
  const anyOf = listOf(schema["anyOf"]);
  return (anyOf.length > 0 ? anyOf : listOf(schema["oneOf"])).slice(0, MAX_ALTERNATIVES);
}

/** Whether `anyOf` or `oneOf` has more parts than `alternativesOf` returns at most. */
export function hasMoreAlternatives(schema: Schema): boolean {
  return Math.max(listOf(schema["anyOf"]).length, listOf(schema["oneOf"]).length) >
    MAX_ALTERNATIVES;
}

/** Returns the value if it is an array, else an empty array. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whether the value is a schema with keywords. */
export function isSchema(value: unknown): value is Schema {
  return isRecord(value);
}

/** Whether a schema has keywords, unlike `true`, `false` and `{}`. */
export function hasKeywords(schema: unknown, walk: Walk): boolean {
  return isSchema(schema) && keysOf(schema, walk).length > 0;
}

/** Returns the keys of an object, which are listed once in a walk. */
export function keysOf(object: object, walk: Walk): readonly string[] {
  const keys = walk.keys.get(object) ?? Object.keys(object);
  walk.keys.set(object, keys);
  return keys;
}
