/**
 * Reading JSON Schemas that come from servers and may be anything: nothing here throws, follows a
 * cycle, or works longer than the walk's budget.
 */

/** A schema that is an object; the others are `true`, `false`, or broken. */
export type Schema = Readonly<Record<string, unknown>>;

/** An object schema, its `allOf` parts merged in. */
export interface ObjectShape {
  readonly properties: Map<string, unknown>;
  readonly required: Set<unknown>;
  /** Schema of values under other names: `false` where there are none, undefined where untold. */
  rest?: unknown;
  /** Whether some other names are told by patterns, which `rest` knows the first of. */
  hasPatterns: boolean;
}

/** What stays the same during one walk through a schema. */
export interface Walk {
  readonly root: unknown;
  /** References being followed, so that a cycle ends at its second turn. */
  readonly following: Set<string>;
  /** Left to do: one for each schema visited and each property listed. */
  work: number;
}

/** Schemas inside schemas that are looked into. */
export const maxNesting = 24;
/** Members of a union, of an enum or of `allOf` that are looked at. */
export const maxMembers = 20;
const maxAlternatives = 2 * maxMembers;
const maxWork = 20_000;

/** Begins a walk through an input schema. */
export function startWalk(root: unknown): Walk {
  return { root, following: new Set(), work: maxWork };
}

/** Collects the properties of an object schema. */
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
  if (!isSchema(schema) || walk.work < 0 || nesting > maxNesting) return;
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    follow(reference, walk, (part) => addShape(shape, part, walk, nesting + 1));
  }
  const properties = Object.entries(isSchema(schema["properties"]) ? schema["properties"] : {});
  walk.work -= 1 + properties.length;
  for (const [name, property] of properties) {
    if (!shape.properties.has(name)) shape.properties.set(name, property);
  }
  for (const name of listOf(schema["required"])) shape.required.add(name);
  const patterns = isSchema(schema["patternProperties"]) ? schema["patternProperties"] : {};
  shape.hasPatterns ||= isTelling(patterns);
  shape.rest ??= Object.values(patterns)[0] ?? schema["additionalProperties"];
  for (const part of listOf(schema["allOf"]).slice(0, maxMembers)) {
    addShape(shape, part, walk, nesting + 1);
  }
}

/** Looks at what a reference names; undefined where that is being looked at already (a cycle). */
export function follow<T>(
  reference: string,
  walk: Walk,
  look: (part: unknown) => T,
): T | undefined {
  if (walk.following.has(reference)) return undefined;
  walk.following.add(reference);
  const found = look(partNamed(reference, walk.root));
  walk.following.delete(reference);
  return found;
}

/** Resolves a pointer into this document (`#`, `#/$defs/Node`); undefined where it leads nowhere. */
function partNamed(reference: string, root: unknown): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let part = root;
  for (const step of reference.split("/", maxNesting).slice(1)) {
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

/** The type names of a schema, told or evident from its other keywords. */
export function typeNamesOf(schema: Schema): readonly unknown[] {
  const type = schema["type"];
  if (Array.isArray(type)) return type.slice(0, maxMembers);
  if (typeof type === "string") return [type];
  const isObject = isSchema(schema["properties"]) || isSchema(schema["patternProperties"]) ||
    isTelling(schema["additionalProperties"]);
  if (isObject) return ["object"];
  return "items" in schema || "prefixItems" in schema ? ["array"] : [];
}

/** The parts of `anyOf`, or where there are none of `oneOf`. */
export function alternativesOf(schema: Schema): readonly unknown[] {
  const anyOf = listOf(schema["anyOf"]);
  return (anyOf.length > 0 ? anyOf : listOf(schema["oneOf"])).slice(0, maxAlternatives);
}

/** Whether a schema has alternatives that `alternativesOf` leaves out. */
export function hasMoreAlternatives(schema: Schema): boolean {
  return Math.max(listOf(schema["anyOf"]).length, listOf(schema["oneOf"]).length) > maxAlternatives;
}

/** The value where it is an array, else an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whether the value is a schema with keywords to look at. */
export function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a schema says something of the values, unlike `true`, `false` and `{}`. */
export function isTelling(schema: unknown): boolean {
  return isSchema(schema) && Object.keys(schema).length > 0;
}
