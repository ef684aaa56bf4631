/**
 * Writes JSON Schema as TypeScript types. Whatever the schema is, the text is one valid type of bounded length: a part that
 * is too long, too deep or not understood is `unknown`, and an object that is cut accepts any further property.
 */

import { escapeControls, shortenText } from "../../text.ts";
import {
  alternativesOf,
  followReference,
  hasKeywords,
  isSchema,
  keysOf,
  listOf,
  MAX_MEMBERS,
  MAX_NESTING,
  type Schema,
  shapeOf,
  spend,
  startWalk,
  typeNamesOf,
  VISIT_WORK,
  type Walk,
} from "./schema_shape.ts";
import { firstSentenceOf } from "./signature.ts";
import { cutToTokens } from "./tokens.ts";

/** A type that a schema refers to. */
export interface ReferredType {
  /** The last part of the reference, as an identifier. */
  readonly name: string;
  /** The type; other types that it refers to are marked, as by `markOf`. */
  text: string;
}

/** The types of one tool, written one after the other. */
export interface TypeWriter {
  /** The types that the texts refer to, by the numbers of their marks. */
  readonly referred: ReferredType[];
  /** Maximum number of tokens of a property's description; 0 for none. */
  readonly docTokens: number;
  /** The length that is left, in UTF-16 code units. */
  charsLeft: number;
  readonly walk: Walk;
  /** The number of each reference. */
  readonly numbers: Map<string, number>;
  /**
   * The referred types that are being written and would directly contain the next type, with no object, array or tuple
   * in between. A type must not directly contain itself.
   */
  directHolders: ReadonlySet<number>;
  /** For each referred type, those that it directly contains. */
  readonly directParts: Map<number, Set<number>>;
}

const MAX_REFERRED_TYPES = 64;
/** Maximum length of a property's name; longer ones are left out. */
const MAX_NAME_CHARS = 256;
/** Length that a member of a union is counted with, besides its properties and literals. */
const MEMBER_CHARS = 10;
const MAX_TYPE_NAME_CHARS = 40;
const MAX_LITERAL_CHARS = 200;
/** Maximum number of literals of an enum. */
const MAX_LITERALS = 64;
/** Maximum length of a description that is read, and of a default that is shown. */
const MAX_DOC_CHARS = 400;
const MAX_DEFAULT_CHARS = 40;

const ANY = "any";
const UNKNOWN = "unknown";
const ANY_OBJECT = "Record<string, any>";

/** Starts to write the types of a schema, at most `maxChars` long in all. */
export function startTypes(
  schema: unknown,
  { maxChars, docTokens }: { readonly maxChars: number; readonly docTokens: number },
): TypeWriter {
  return {
    referred: [],
    docTokens,
    charsLeft: maxChars,
    walk: startWalk(schema),
    numbers: new Map(),
    directHolders: new Set(),
    directParts: new Map(),
  };
}

/** Returns the mark that stands for a referred type. No other text has control characters. */
export function markOf(number: number): string {
  return `\0${number}\0`;
}

/** Matches a mark, whose first group is the number. */
export const MARK = /\0(\d+)\0/g;

/** Writes the type of a schema. */
export function writeType(schema: unknown, writer: TypeWriter, nesting = 0): string {
  return joinMembers(membersOf(schema, writer, nesting));
}

/** Writes a name as a property or a method has it. */
export function propertyKey(name: string): string {
  // In a type, `new` would be a constructor, and `get`, `set` and `readonly` may be modifiers.
  const isPlain = /^[A-Za-z_$][\w$]*$/.test(name) && !/^(?:new|get|set|readonly)$/.test(name);
  return isPlain ? name : stringLiteral(name);
}

/** Writes a text as a literal in single quotes, which need no escapes in JSON. */
function stringLiteral(text: string): string {
  return `'${escapeControls(text.replace(/[\\']/g, "\\$&"))}'`;
}

/** Writes a text as a comment; empty without a text. */
export function commentOf(text: string): string {
  const line = escapeControls(text.replace(/\s+/g, " ").trim()).replaceAll("*/", "*\\/");
  return line === "" ? "" : `/** ${line} */`;
}

function joinMembers(members: readonly string[]): string {
  if (members.length === 0 || members.includes(ANY)) return ANY;
  return [...new Set(members)].join(" | ");
}

/** Writes a union for use before `[]` or beside `&`. */
function joinInParentheses(members: readonly string[]): string {
  const text = joinMembers(members);
  return text !== ANY && new Set(members).size > 1 ? `(${text})` : text;
}

/** Returns the members of a union; none for a schema that allows anything. */
function membersOf(schema: unknown, writer: TypeWriter, nesting: number): string[] {
  const { walk } = writer;
  if (schema === false) return ["never"];
  if (!isSchema(schema)) return [];
  if (!spend(walk, VISIT_WORK) || writer.charsLeft <= 0 || nesting > MAX_NESTING) return [UNKNOWN];
  writer.charsLeft -= MEMBER_CHARS;
  const reference = schema["$ref"];
  const members = typeof reference === "string"
    ? [referenceText(reference, writer, nesting)]
    : inlineMembersOf(schema, writer, nesting);
  return schema["nullable"] === true && members.length > 0 ? [...members, "null"] : members;
}

function inlineMembersOf(schema: Schema, writer: TypeWriter, nesting: number): string[] {
  if (Object.hasOwn(schema, "const")) return literalTexts([schema["const"]], schema, writer);
  const values = listOf(schema["enum"]);
  if (values.length > 0) return literalTexts(values, schema, writer);
  const alternatives = alternativesOf(schema);
  const ownTypes = typeNamesOf(schema, writer.walk)
    .map((type) => textOfType(type, schema, writer, nesting));
  // An alternative can be without a type, as in `anyOf: [{"required": ["a"]}, ...]`.
  const alternativeTypes = alternatives.slice(0, MAX_MEMBERS)
    .flatMap((part) => membersOf(part, writer, nesting + 1));
  if (alternatives.length > MAX_MEMBERS) alternativeTypes.push(UNKNOWN);
  if (ownTypes.length === 0) {
    return alternativeTypes.length > 0 ? alternativeTypes : partsOf(schema, writer, nesting);
  }
  if (alternativeTypes.length === 0 || alternativeTypes.every((text) => ownTypes.includes(text))) {
    return ownTypes;
  }
  const [object = ""] = ownTypes;
  // An intersection multiplies the members of unions, so only one object and one union may meet.
  if (ownTypes.length > 1 || !object.startsWith("{")) return alternativeTypes;
  const union = joinInParentheses(alternativeTypes);
  return union.includes("\0") ? ownTypes : [`(${object} & ${union})`];
}

/** Returns the members of a schema that has no type of its own, from the parts of its `allOf`. */
function partsOf(schema: Schema, writer: TypeWriter, nesting: number): string[] {
  const parts = listOf(schema["allOf"]).slice(0, MAX_MEMBERS);
  if (parts.length > 1) {
    const { properties } = shapeOf(schema, writer.walk);
    if (properties.size > 0) return [objectText(schema, writer, nesting)];
  }
  for (const part of parts) {
    const members = membersOf(part, writer, nesting + 1);
    if (members.length > 0) return members;
  }
  return [];
}

function textOfType(type: unknown, schema: Schema, writer: TypeWriter, nesting: number): string {
  switch (type) {
    case "string":
    case "number":
    case "boolean":
    case "null":
      return type;
    case "integer":
      return "number";
    case "array":
      return insideType(writer, () => arrayText(schema, writer, nesting + 1));
    case "object":
      return insideType(writer, () => objectText(schema, writer, nesting + 1));
    default:
      return ANY;
  }
}

/** Runs a function that writes the parts of an object, array or tuple, which may contain the types around it. */
function insideType(writer: TypeWriter, write: () => string): string {
  const { directHolders } = writer;
  writer.directHolders = new Set();
  const text = write();
  writer.directHolders = directHolders;
  return text;
}

function arrayText(schema: Schema, writer: TypeWriter, nesting: number): string {
  const tuple = schema["prefixItems"] ?? schema["items"];
  if (!Array.isArray(tuple)) {
    return `${joinInParentheses(membersOf(schema["items"], writer, nesting))}[]`;
  }
  const items = tuple.slice(0, MAX_MEMBERS).map((item) => writeType(item, writer, nesting));
  if (tuple.length > items.length) items.push(`...${UNKNOWN}[]`);
  return `[${items.join(", ")}]`;
}

function objectText(schema: Schema, writer: TypeWriter, nesting: number): string {
  const { walk } = writer;
  const { properties, required, additional } = shapeOf(schema, walk);
  if (walk.workLeft < 0) return ANY_OBJECT;
  const isTyped = hasKeywords(additional, walk);
  if (properties.size === 0) {
    if (additional === false) return "{}";
    return isTyped ? `{[key: string]: ${writeType(additional, writer, nesting)}}` : ANY_OBJECT;
  }
  const members: string[] = [];
  for (const [name, property] of properties) {
    if (writer.charsLeft <= 0 || walk.workLeft < 0) break;
    if (name.length > MAX_NAME_CHARS) continue;
    members.push(propertyText(name, { property, isRequired: required.has(name), nesting }, writer));
  }
  // All properties have to fit the index signature, so it allows any.
  if (members.length < properties.size || isTyped || additional === true) {
    members.push(`[key: string]: ${ANY}`);
  }
  return `{${members.join(", ")}}`;
}

function propertyText(
  name: string,
  { property, isRequired, nesting }: {
    readonly property: unknown;
    readonly isRequired: boolean;
    readonly nesting: number;
  },
  writer: TypeWriter,
): string {
  const key = `${propertyKey(name)}${isRequired ? "" : "?"}: `;
  const comment = docText(property, writer);
  const head = comment === "" ? key : `${comment} ${key}`;
  spend(writer.walk, head.length);
  writer.charsLeft -= head.length;
  // Half of what is left is for the properties after this one.
  const reserved = Math.floor(writer.charsLeft / 2);
  writer.charsLeft -= reserved;
  const type = writeType(property, writer, nesting);
  writer.charsLeft += reserved;
  return head + type;
}

/** Writes what a type does not say: the description, the format and the default. */
function docText(schema: unknown, { docTokens, walk }: TypeWriter): string {
  if (!isSchema(schema) || docTokens === 0) return "";
  const { format } = schema;
  const parts = [cutToTokens(firstSentenceOf(schema, MAX_DOC_CHARS), docTokens)];
  if (typeof format === "string") parts.push(shortenText(format, MAX_DEFAULT_CHARS));
  const defaultValue = schema["default"];
  if (typeof defaultValue === "string") {
    parts.push(`default '${shortenText(defaultValue, MAX_DEFAULT_CHARS)}'`);
  } else if (typeof defaultValue === "number" || typeof defaultValue === "boolean") {
    parts.push(`default ${defaultValue}`);
  }
  const text = parts.filter((part) => part !== "").join("; ");
  spend(walk, text.length);
  return commentOf(text);
}

/** Writes the values of an enum; if there are too many, also their general types. */
function literalTexts(values: readonly unknown[], schema: Schema, writer: TypeWriter): string[] {
  const texts: string[] = [];
  for (const value of values.slice(0, MAX_LITERALS)) {
    const text = literalText(value);
    if (!spend(writer.walk, text.length) || writer.charsLeft < text.length) break;
    writer.charsLeft -= text.length;
    texts.push(text);
  }
  if (texts.length === values.length) return texts;
  const general = typeNamesOf(schema, writer.walk);
  return [...texts, general.length === 1 && general[0] === "string" ? "string" : UNKNOWN];
}

function literalText(value: unknown): string {
  if (typeof value === "string") {
    return value.length > MAX_LITERAL_CHARS ? "string" : stringLiteral(value);
  }
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "number";
  return typeof value === "boolean" || value === null ? String(value) : UNKNOWN;
}

/** Writes the mark of the type that a reference leads to, and the type itself if it is the first reference to it. */
function referenceText(reference: string, writer: TypeWriter, nesting: number): string {
  const { walk, numbers, referred, directParts } = writer;
  const knownNumber = numbers.get(reference);
  if (knownNumber !== undefined) {
    return addDirectPart(knownNumber, writer) ? markOf(knownNumber) : UNKNOWN;
  }
  if (referred.length >= MAX_REFERRED_TYPES) return UNKNOWN;
  const number = referred.length;
  const type: ReferredType = { name: typeNameOf(reference), text: UNKNOWN };
  const write = (part: unknown): string => {
    numbers.set(reference, number);
    referred.push(type);
    directParts.set(number, new Set());
    addDirectPart(number, writer);
    const { directHolders } = writer;
    writer.directHolders = new Set([...directHolders, number]);
    type.text = writeType(part, writer, nesting + 1);
    writer.directHolders = directHolders;
    return markOf(number);
  };
  return followReference(reference, { walk, visit: write }) ?? UNKNOWN;
}

/**
 * Records that the types that are being written directly contain another one, unless a type would contain itself;
 * returns whether it has done so.
 */
function addDirectPart(part: number, { directHolders, directParts }: TypeWriter): boolean {
  const contained = new Set([part]);
  for (const number of contained) {
    if (directHolders.has(number)) return false;
    for (const next of directParts.get(number) ?? []) contained.add(next);
  }
  for (const number of directHolders) directParts.get(number)?.add(part);
  return true;
}

/** Turns the last step of a reference into a type's name. */
function typeNameOf(reference: string): string {
  const step = reference.slice(0, 1_000).split("/").at(-1) ?? "";
  const name = step.replace(/[^A-Za-z0-9_]/g, "_").replace(/^_+/, "")
    .slice(0, MAX_TYPE_NAME_CHARS);
  // A name must not hide a type of TypeScript, such as `string`, or one of the two that are used here.
  if (!/^[A-Za-z]/.test(name)) return `Type${name}`;
  const capitalized = name.charAt(0).toUpperCase() + name.slice(1);
  return /^(?:Promise|Record)$/.test(capitalized) ? `${capitalized}_` : capitalized;
}

/** Writes the parameter of a tool's function: none, optional or required. */
export function writeParameter(schema: unknown, writer: TypeWriter): string {
  if (!isSchema(schema)) return `args?: ${ANY}`;
  const { properties, required, additional } = shapeOf(schema, writer.walk);
  const type = writeType(schema, writer);
  const isEmpty = properties.size === 0 && additional !== true;
  if (isEmpty && (type === "{}" || type === ANY_OBJECT)) return "";
  const isOptional = ![...properties.keys()].some((name) => required.has(name)) &&
    alternativesOf(schema).length === 0;
  return `args${isOptional ? "?" : ""}: ${type}`;
}

/** Whether a schema has any keyword. */
export function describesType(schema: unknown, { walk }: TypeWriter): schema is Schema {
  return isSchema(schema) && keysOf(schema, walk).length > 0;
}
