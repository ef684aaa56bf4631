/**
 * Writes JSON Schema as TypeScript-like text, for signatures. A list writes as much as its budget allows,
 * and an ellipsis for the rest; the members of an object get half of its budget, which bounds both depth
 * and length.
 */

import {
  alternativesOf,
  follow,
  isSchema,
  isTelling,
  listOf,
  maxMembers,
  maxNesting,
  type ObjectShape,
  type Schema,
  shapeOf,
  startWalk,
  typeNamesOf,
  type Walk,
} from "./schema_shape.ts";

/** The maximum length of a part in characters, and its nesting. */
interface Budget {
  readonly room: number;
  readonly nesting: number;
}

/** Marks omitted text. */
export const cut = "\u2026";
const minObjectRoom = 24;
const maxNameChars = 128;
const maxLiteralChars = 60;
const identifier = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;

/**
 * Writes the properties of an input schema as a parameter list without its parentheses, or an
 * ellipsis if the schema says nothing usable. `room` is the approximate maximum length, in characters,
 * of the whole list and of one parameter's type.
 */
export function parametersText(schema: unknown, room: { list: number; type: number }): string {
  if (!isSchema(schema)) return cut;
  const walk = startWalk(schema);
  if (alternativesOf(schema).length === 0 && typeof schema["$ref"] !== "string") {
    const shape = shapeOf(schema, walk);
    const isEmpty = shape.properties.size === 0 && !isTelling(shape.rest);
    if (!isEmpty) return propertiesText(shape, room.list, { room: room.type, nesting: 1 }, walk);
    if (schema["type"] === "object" && shape.rest !== true) return "";
  }
  const text = typeText(schema, { room: room.list, nesting: 0 }, walk);
  return text === "any" || text === "object" ? cut : text;
}

/** Lists properties in the schema's order, each type within the budget `inner`. */
function propertiesText(shape: ObjectShape, room: number, inner: Budget, walk: Walk): string {
  const shown = new Map<string, string>();
  let left = room;
  // If not all fit, the required ones come first: a caller cannot do without them.
  for (const wanted of [true, false]) {
    for (const [name, schema] of shape.properties) {
      if (left <= 0) break;
      if (shape.required.has(name) !== wanted) continue;
      const text = `${keyText(name)}${wanted ? "" : "?"}: ${valueText(schema, inner, walk)}`;
      left -= text.length + 2;
      if (left >= 0 || shown.size === 0) shown.set(name, text);
    }
  }
  const parts: string[] = [];
  for (const name of shape.properties.keys()) {
    const text = shown.get(name);
    if (text !== undefined) parts.push(text);
  }
  if (parts.length < shape.properties.size) parts.push(cut);
  if (isTelling(shape.rest)) parts.push(`[key: string]: ${typeText(shape.rest, inner, walk)}`);
  return parts.join(", ");
}

function keyText(name: string): string {
  if (name.length > maxNameChars) return JSON.stringify(name.slice(0, maxNameChars) + cut);
  return identifier.test(name) ? name : JSON.stringify(name);
}

function valueText(schema: unknown, budget: Budget, walk: Walk): string {
  const type = typeText(schema, budget, walk);
  if (!isSchema(schema) || !Object.hasOwn(schema, "default")) return type;
  return `${type} = ${literalText(schema["default"], maxLiteralChars)}`;
}

function typeText(schema: unknown, budget: Budget, walk: Walk): string {
  return joinMembers(membersOf(schema, budget, walk), budget.room);
}

/** Joins the members of a union that fit; always shows the first one. */
function joinMembers(members: readonly string[], room: number): string {
  const all = [...new Set(members)];
  const shown: string[] = [];
  let left = room;
  for (const member of all.slice(0, maxMembers)) {
    if (shown.length > 0 && left < member.length + 3) continue;
    left -= member.length + 3;
    shown.push(member);
  }
  if (shown.length < all.length && !shown.includes(cut)) shown.push(cut);
  return shown.length === 0 ? "any" : shown.join(" | ");
}

/** Returns the members of a schema's union; one if it is not a union. */
function membersOf(schema: unknown, budget: Budget, walk: Walk): string[] {
  if (schema === false) return ["never"];
  if (!isSchema(schema)) return ["any"];
  walk.work -= 1;
  if (walk.work < 0 || budget.nesting > maxNesting) return [cut];
  const reference = schema["$ref"];
  const members = typeof reference === "string"
    ? follow(reference, { walk, visit: (part) => membersOf(part, deeper(budget), walk) }) ??
      [`{${cut}}`]
    : unreferredMembersOf(schema, budget, walk);
  return schema["nullable"] === true ? [...members, "null"] : members;
}

function unreferredMembersOf(schema: Schema, budget: Budget, walk: Walk): string[] {
  if (Object.hasOwn(schema, "const")) return [literalText(schema["const"], maxLiteralChars)];
  const values = listOf(schema["enum"]).slice(0, maxMembers + 1);
  if (values.length > 0) return values.map((value) => literalText(value, maxLiteralChars));
  const own = typeNamesOf(schema).map((type) => textOfType(type, schema, budget, walk));
  const alternatives = alternativesOf(schema)
    .flatMap((part) => membersOf(part, deeper(budget), walk));
  if (own.length === 0) {
    return alternatives.length > 0 ? alternatives : partsOf(schema, budget, walk);
  }
  // Alternatives that only constrain, as `anyOf: [{"required": ["a"]}, ...]`, say nothing about the type.
  const telling = alternatives.filter((text) => text !== "any");
  if (telling.every((text) => own.includes(text))) return own;
  if (!own.some((text) => text.length > 2 && text.startsWith("{"))) return telling;
  return [`(${joinMembers(own, budget.room)} & (${joinMembers(telling, budget.room)}))`];
}

/** Returns the members that `allOf` gives to a schema without its own type. */
function partsOf(schema: Schema, budget: Budget, walk: Walk): string[] {
  const inner = deeper(budget);
  const parts = listOf(schema["allOf"]).slice(0, maxMembers);
  const shape = shapeOf(schema, walk);
  if (shape.properties.size > 0) return [objectText(schema, inner, walk)];
  const intersection = parts.map((part) => membersOf(part, inner, walk))
    .filter((members) => members.some((text) => text !== "any"));
  if (intersection.length < 2) return intersection[0] ?? [];
  return [`(${intersection.map((members) => grouped(members, budget.room)).join(" & ")})`];
}

function textOfType(type: unknown, schema: Schema, budget: Budget, walk: Walk): string {
  switch (type) {
    case "string":
    case "number":
    case "boolean":
    case "null":
      return type;
    case "integer":
      return "number";
    case "array":
      return arrayText(schema, deeper(budget), walk);
    case "object":
      return objectText(schema, budget, walk);
    default:
      return "any";
  }
}

function arrayText(schema: Schema, budget: Budget, walk: Walk): string {
  const tuple = schema["prefixItems"] ?? schema["items"];
  if (!Array.isArray(tuple)) {
    return `${grouped(membersOf(schema["items"], budget, walk), budget.room)}[]`;
  }
  const parts: string[] = [];
  let left = budget.room;
  for (const item of tuple) {
    const text = left <= 0 ? cut : typeText(item, { ...budget, room: budget.room >> 1 }, walk);
    parts.push(text);
    if (text === cut) break;
    left -= text.length + 2;
  }
  return `[${parts.join(", ")}]`;
}

/** Writes a union for use before `[]` or next to `&`, in parentheses if needed. */
function grouped(members: readonly string[], room: number): string {
  const text = joinMembers(members, room);
  return new Set(members).size > 1 ? `(${text})` : text;
}

function objectText(schema: Schema, budget: Budget, walk: Walk): string {
  const shape = shapeOf(schema, walk);
  if (shape.properties.size === 0 && !isTelling(shape.rest)) {
    return shape.rest === false ? "{}" : "object";
  }
  if (budget.room < minObjectRoom) return `{${cut}}`;
  const inner = { room: budget.room >> 1, nesting: budget.nesting + 1 };
  return `{${propertiesText(shape, budget.room, inner, walk)}}`;
}

/** Writes a value as JSON, cut if it is long or deep. */
function literalText(value: unknown, room: number): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > room ? value.slice(0, room) + cut : value);
  }
  if (typeof value === "number" || typeof value === "boolean" || value === null) return `${value}`;
  if (typeof value !== "object" || room < 2) return cut;
  const isList = Array.isArray(value);
  const parts: string[] = [];
  let left = room;
  for (const [key, item] of Object.entries(value)) {
    const text = literalText(item, left >> 1);
    left -= (isList ? 0 : key.length) + text.length + 2;
    if (left < 0) {
      parts.push(cut);
      break;
    }
    parts.push(isList ? text : `${keyText(key)}: ${text}`);
  }
  return isList ? `[${parts.join(", ")}]` : `{${parts.join(", ")}}`;
}

function deeper(budget: Budget): Budget {
  return { room: budget.room, nesting: budget.nesting + 1 };
}
