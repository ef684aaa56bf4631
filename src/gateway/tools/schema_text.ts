/**
 * Writes JSON Schema as TypeScript-like text, for signatures. A list is written as far as its budget
 * allows, with an ellipsis for the rest. The type of each member of an object gets half of the budget of
 * the object, which bounds both depth and length.
 */

import { shortenText } from "../../text.ts";
import {
  alternativesOf,
  followReference,
  hasKeywords,
  isSchema,
  keysOf,
  listOf,
  MAX_MEMBERS,
  MAX_NESTING,
  type ObjectShape,
  type Schema,
  shapeOf,
  spend,
  startWalk,
  typeNamesOf,
  VISIT_WORK,
  type Walk,
} from "./schema_shape.ts";

/** The approximate maximum length of a part of the text, and the nesting of its schema. */
interface TextBudget {
  readonly maxChars: number;
  readonly nesting: number;
}

/** Limits of a parameter list. */
export interface ParameterLimits {
  /** Approximate maximum length of the list, in characters. */
  readonly list: number;
  /** Approximate maximum length of the type of a parameter, in characters. */
  readonly type: number;
  /** Whether only the names of optional parameters are written. Default: no. */
  readonly omitsOptionalTypes?: boolean;
}

/** Marks omitted text. */
export const ELLIPSIS = "\u2026";
const MIN_OBJECT_CHARS = 24;
const MAX_NAME_CHARS = 128;
const MAX_LITERAL_CHARS = 60;

/**
 * Writes the properties of an input schema as a parameter list without its parentheses, or an
 * ellipsis if the schema does not describe any.
 */
export function parametersText(schema: unknown, limits: ParameterLimits): string {
  if (!isSchema(schema)) return ELLIPSIS;
  const walk = startWalk(schema);
  if (alternativesOf(schema).length === 0 && typeof schema["$ref"] !== "string") {
    const shape = shapeOf(schema, walk);
    if (walk.workLeft < 0) return ELLIPSIS;
    const isEmpty = shape.properties.size === 0 && !hasKeywords(shape.additional, walk);
    if (!isEmpty) {
      const innerBudget = { maxChars: limits.type, nesting: 1 };
      return propertiesText(shape, { ...limits, innerBudget }, walk);
    }
    if (schema["type"] === "object" && shape.additional !== true) return "";
  }
  const text = typeText(schema, { maxChars: limits.list, nesting: 0 }, walk);
  return text === "any" || text === "object" ? ELLIPSIS : text;
}

/** Lists properties in the order of the schema, each type within `innerBudget`. */
function propertiesText(
  shape: ObjectShape,
  { list, innerBudget, omitsOptionalTypes = false }:
    & Pick<ParameterLimits, "list" | "omitsOptionalTypes">
    & { readonly innerBudget: TextBudget },
  walk: Walk,
): string {
  const shownTexts = new Map<string, string>();
  let charsLeft = list;
  // Required properties use the budget first, because a caller must know them.
  for (const isRequired of [true, false]) {
    for (const [name, schema] of shape.properties) {
      if (charsLeft <= 0) break;
      if (shape.required.has(name) !== isRequired) continue;
      const type = isRequired || !omitsOptionalTypes
        ? `: ${typeWithDefault(schema, innerBudget, walk)}`
        : "";
      const text = `${keyText(name)}${isRequired ? "" : "?"}${type}`;
      spend(walk, text.length);
      charsLeft -= text.length + 2;
      if (charsLeft >= 0 || shownTexts.size === 0) shownTexts.set(name, text);
    }
  }
  const parts: string[] = [];
  for (const name of shape.properties.keys()) {
    const text = shownTexts.get(name);
    if (text !== undefined) parts.push(text);
  }
  if (parts.length < shape.properties.size) parts.push(ELLIPSIS);
  if (hasKeywords(shape.additional, walk)) {
    parts.push(`[key: string]: ${typeText(shape.additional, innerBudget, walk)}`);
  }
  return parts.join(", ");
}

function keyText(name: string): string {
  if (name.length > MAX_NAME_CHARS) return JSON.stringify(shortenText(name, MAX_NAME_CHARS));
  // As a constant, this would take most of a millisecond of each start.
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : JSON.stringify(name);
}

function typeWithDefault(schema: unknown, budget: TextBudget, walk: Walk): string {
  const type = typeText(schema, budget, walk);
  if (!isSchema(schema) || !Object.hasOwn(schema, "default")) return type;
  return `${type} = ${literalText(schema["default"], MAX_LITERAL_CHARS, walk)}`;
}

function typeText(schema: unknown, budget: TextBudget, walk: Walk): string {
  return joinMembers(membersOf(schema, budget, walk), budget.maxChars, walk);
}

/** Joins the members of a union that fit; always shows the first member. */
function joinMembers(members: readonly string[], maxChars: number, walk: Walk): string {
  spend(walk, members.length);
  const uniqueMembers = [...new Set(members)];
  const shownMembers: string[] = [];
  let charsLeft = maxChars;
  for (const member of uniqueMembers.slice(0, MAX_MEMBERS)) {
    if (shownMembers.length > 0 && charsLeft < member.length + 3) continue;
    charsLeft -= member.length + 3;
    shownMembers.push(member);
  }
  if (shownMembers.length < uniqueMembers.length && !shownMembers.includes(ELLIPSIS)) {
    shownMembers.push(ELLIPSIS);
  }
  const text = shownMembers.length === 0 ? "any" : shownMembers.join(" | ");
  spend(walk, text.length);
  return text;
}

/** Returns the texts of the members of a union; a schema that is not a union counts as its only member. */
function membersOf(schema: unknown, budget: TextBudget, walk: Walk): string[] {
  if (!spend(walk, VISIT_WORK) || budget.nesting > MAX_NESTING) return [ELLIPSIS];
  if (schema === false) return ["never"];
  if (!isSchema(schema)) return ["any"];
  const reference = schema["$ref"];
  const members = typeof reference === "string"
    ? followReference(reference, {
      walk,
      visit: (part) => membersOf(part, nestDeeper(budget), walk),
    }) ??
      [`{${ELLIPSIS}}`]
    : inlineMembersOf(schema, budget, walk);
  spend(walk, members.length);
  return schema["nullable"] === true ? [...members, "null"] : members;
}

function inlineMembersOf(schema: Schema, budget: TextBudget, walk: Walk): string[] {
  if (Object.hasOwn(schema, "const")) {
    return [literalText(schema["const"], MAX_LITERAL_CHARS, walk)];
  }
  const values = listOf(schema["enum"]).slice(0, MAX_MEMBERS + 1);
  if (values.length > 0) return values.map((value) => literalText(value, MAX_LITERAL_CHARS, walk));
  const ownTypes = typeNamesOf(schema, walk).map((type) => textOfType(type, schema, budget, walk));
  const alternatives = alternativesOf(schema)
    .flatMap((part) => membersOf(part, nestDeeper(budget), walk));
  if (ownTypes.length === 0) {
    return alternatives.length > 0 ? alternatives : allOfMembers(schema, budget, walk);
  }
  // An alternative can be without a type, as in `anyOf: [{"required": ["a"]}, ...]`.
  const typedAlternatives = alternatives.filter((text) => text !== "any");
  if (typedAlternatives.every((text) => ownTypes.includes(text))) return ownTypes;
  if (!ownTypes.some((text) => text.length > 2 && text.startsWith("{"))) return typedAlternatives;
  return [
    `(${joinMembers(ownTypes, budget.maxChars, walk)} & (${
      joinMembers(typedAlternatives, budget.maxChars, walk)
    }))`,
  ];
}

/** Returns the members of a schema that has no type of its own, from the parts of its `allOf`. */
function allOfMembers(schema: Schema, budget: TextBudget, walk: Walk): string[] {
  const innerBudget = nestDeeper(budget);
  const parts = listOf(schema["allOf"]).slice(0, MAX_MEMBERS);
  const shape = shapeOf(schema, walk);
  if (shape.properties.size > 0) return [objectText(schema, innerBudget, walk)];
  const intersection = parts.map((part) => membersOf(part, innerBudget, walk))
    .filter((members) => members.some((text) => text !== "any"));
  if (intersection.length < 2) return intersection[0] ?? [];
  return [
    `(${intersection.map((members) => parenthesize(members, budget.maxChars, walk)).join(" & ")})`,
  ];
}

function textOfType(type: unknown, schema: Schema, budget: TextBudget, walk: Walk): string {
  switch (type) {
    case "string":
    case "number":
    case "boolean":
    case "null":
      return type;
    case "integer":
      return "number";
    case "array":
      return arrayText(schema, nestDeeper(budget), walk);
    case "object":
      return objectText(schema, budget, walk);
    default:
      return "any";
  }
}

function arrayText(schema: Schema, budget: TextBudget, walk: Walk): string {
  const tuple = schema["prefixItems"] ?? schema["items"];
  if (!Array.isArray(tuple)) {
    return `${parenthesize(membersOf(schema["items"], budget, walk), budget.maxChars, walk)}[]`;
  }
  const parts: string[] = [];
  let charsLeft = budget.maxChars;
  for (const item of tuple) {
    const text = charsLeft <= 0
      ? ELLIPSIS
      : typeText(item, { ...budget, maxChars: budget.maxChars >> 1 }, walk);
    parts.push(text);
    if (text === ELLIPSIS) break;
    charsLeft -= text.length + 2;
  }
  return `[${parts.join(", ")}]`;
}

/** Writes a union for use before `[]` or next to `&`, in parentheses if needed. */
function parenthesize(members: readonly string[], maxChars: number, walk: Walk): string {
  const text = joinMembers(members, maxChars, walk);
  return new Set(members).size > 1 ? `(${text})` : text;
}

function objectText(schema: Schema, budget: TextBudget, walk: Walk): string {
  const shape = shapeOf(schema, walk);
  if (walk.workLeft < 0) return `{${ELLIPSIS}}`;
  if (shape.properties.size === 0 && !hasKeywords(shape.additional, walk)) {
    return shape.additional === false ? "{}" : "object";
  }
  if (budget.maxChars < MIN_OBJECT_CHARS) return `{${ELLIPSIS}}`;
  const innerBudget = { maxChars: budget.maxChars >> 1, nesting: budget.nesting + 1 };
  return `{${propertiesText(shape, { list: budget.maxChars, innerBudget }, walk)}}`;
}

/** Writes a value as JSON, cut if it is long or deep. */
function literalText(value: unknown, maxChars: number, walk: Walk): string {
  const text = shortJson(value, maxChars, walk);
  return spend(walk, VISIT_WORK + text.length) ? text : ELLIPSIS;
}

function shortJson(value: unknown, maxChars: number, walk: Walk): string {
  if (typeof value === "string") {
    return JSON.stringify(shortenText(value, maxChars));
  }
  if (typeof value === "number" || typeof value === "boolean" || value === null) return `${value}`;
  if (typeof value !== "object" || maxChars < 2) return ELLIPSIS;
  const isList = Array.isArray(value);
  const keys = isList ? Object.keys(value.slice(0, maxChars)) : keysOf(value, walk);
  const parts: string[] = [];
  let charsLeft = maxChars;
  for (const key of keys) {
    const item = (value as Readonly<Record<string, unknown>>)[key];
    const text = literalText(item, charsLeft >> 1, walk);
    charsLeft -= (isList ? 0 : key.length) + text.length + 2;
    if (charsLeft < 0) {
      parts.push(ELLIPSIS);
      break;
    }
    parts.push(isList ? text : `${keyText(key)}: ${text}`);
  }
  return isList ? `[${parts.join(", ")}]` : `{${parts.join(", ")}}`;
}

function nestDeeper(budget: TextBudget): TextBudget {
  return { maxChars: budget.maxChars, nesting: budget.nesting + 1 };
}
