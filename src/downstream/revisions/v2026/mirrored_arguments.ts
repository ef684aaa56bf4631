import { CallerError } from "../../../errors.ts";
import { isRecord } from "../../../json.ts";
import { textAt } from "../../../jsonrpc/mod.ts";
import { longWork } from "../../../long_work.ts";
import { shortenText } from "../../../text.ts";
import type { Tool } from "../../catalog/mod.ts";
import type { ItemPage } from "../codec.ts";
import { encodeHeaderValue } from "./header_values.ts";

/** The keyword with which the schema of an argument names its header. */
const KEYWORD = "x-mcp-header";

/** Matches a valid name of a header. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The types of arguments that may have a header. */
const TYPES: ReadonlySet<unknown> = new Set(["string", "integer", "boolean"]);

/** Maximum number of headers of one tool, and maximum length of a header's name in UTF-16 code units. */
const MAX_HEADERS = 64;
const MAX_NAME_LENGTH = 128;

/** Maximum number of objects that an argument with a header is nested in, with the arguments themselves. */
const MAX_DEPTH = 16;

/** Maximum number of objects in the schema of a tool with headers: about 10 ms. */
const MAX_SCHEMAS = 10_000;

/** Maximum length of a definition that is examined, in UTF-16 code units; lists of tools have no longer ones. */
const MAX_DEFINITION_LENGTH = 1024 * 1024;

/** Maximum length of the text that is searched for the arguments of a call, in UTF-16 code units: about 0.1 s. */
const MAX_SEARCHED_LENGTH = 64 * 1024 * 1024;

/** Maximum length of an argument that is sent as a header, in UTF-16 code units; few servers accept more. */
const MAX_VALUE_LENGTH = 64 * 1024;

/** Keywords whose value is a schema, or a list of schemas, in which no argument may have a header. */
const SUBSCHEMAS: readonly string[] = [
  "items",
  "prefixItems",
  "additionalItems",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "unevaluatedItems",
  "propertyNames",
  "contentSchema",
  "oneOf",
  "anyOf",
  "allOf",
  "not",
  "if",
  "then",
  "else",
];

/** Keywords whose value is an object of schemas, in which no argument may have a header. */
const SUBSCHEMA_MAPS: readonly string[] = [
  "patternProperties",
  "dependentSchemas",
  "dependencies",
  "$defs",
  "definitions",
];

/** An argument of a tool that is also sent as an HTTP header. */
interface MirroredArgument {
  /** The keys that lead to the argument. */
  readonly path: readonly string[];
  /** The name of the header, in lower case. */
  readonly header: string;
}

/** The arguments of a tool that are also sent as headers, or the problem of a schema that names an invalid header. */
interface Declarations {
  readonly mirroredArguments: readonly MirroredArgument[];
  readonly problem: string | undefined;
}

const NO_DECLARATIONS: Declarations = { mirroredArguments: [], problem: undefined };

/** A schema that is to be read. */
interface PendingSchema {
  readonly schema: Readonly<Record<string, unknown>>;
  /** The keys that lead to its argument; `undefined` if no header is allowed there. */
  readonly path: readonly string[] | undefined;
}

/** Adds a schema to those that are to be read; returns whether there is room for more. */
type AddSchema = (schema: unknown, path: PendingSchema["path"]) => boolean;

// The declarations of tools that were called; tools are immutable.
const declarationsByTool = new WeakMap<Tool, Declarations>();

/**
 * Finds out why a tool cannot be called over HTTP: its schema names a header that is not valid.
 *
 * @param definition The definition of the tool.
 * @param text The definition as the server wrote it.
 * @returns A phrase that is the object of "has"; `undefined` if the tool can be called.
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters}
 */
export function describeHeaderProblem(definition: unknown, text: string): string | undefined {
  return readDeclarations(definition, text).problem;
}

/**
 * Finds the tools of a page that cannot be called over HTTP.
 *
 * @param page The page.
 * @param server The name of the server.
 * @returns For each tool its problem, or `undefined`.
 */
export async function findHeaderProblems(
  { definitions, definitionTexts }: Pick<ItemPage, "definitions" | "definitionTexts">,
  server: string,
): Promise<readonly (string | undefined)[]> {
  const problems: (string | undefined)[] = [];
  for (const [index, definition] of definitions.entries()) {
    const text = definitionTexts[index] ?? "";
    if (text.length > MAX_DEFINITION_LENGTH || !text.includes(KEYWORD)) continue;
    const step = { party: `server ${server}`, bytes: text.length };
    problems[index] = await longWork.runFor(step, () => describeHeaderProblem(definition, text));
  }
  return problems;
}

/**
 * Returns the headers that repeat arguments of a call, as the schema of the tool names them.
 *
 * @param tool The tool.
 * @param args The arguments: the text of a JSON object.
 * @throws {CallerError} `INVALID_ARGUMENTS`, if a header cannot have the value of its argument.
 */
export function mirrorArguments(tool: Tool, args: string): Readonly<Record<string, string>> {
  let declarations = declarationsByTool.get(tool);
  if (declarations === undefined) {
    declarations = readDeclarations(tool.definition, tool.text.json);
    declarationsByTool.set(tool, declarations);
  }
  const { mirroredArguments } = declarations;
  const stepCount = mirroredArguments.reduce((sum, { path }) => sum + path.length, 0);
  if (stepCount * args.length > MAX_SEARCHED_LENGTH) {
    const message =
      "The arguments are too long to find those in them that the server needs as HTTP headers.";
    throw new CallerError("INVALID_ARGUMENTS", message);
  }
  const headers: Record<string, string> = {};
  for (const { path, header } of mirroredArguments) {
    const value = readValue(args, path);
    if (value !== undefined) headers[header] = encodeHeaderValue(value);
  }
  return headers;
}

function readDeclarations(definition: unknown, text: string): Declarations {
  // Almost no tool has such headers, and reading a schema takes long.
  if (!text.includes(KEYWORD) || !isRecord(definition)) return NO_DECLARATIONS;
  const mirroredArguments: MirroredArgument[] = [];
  const names = new Set<string>();
  const pending: PendingSchema[] = [];
  let schemaCount = 0;
  const add: AddSchema = (schema, path) => {
    if (isRecord(schema) && ++schemaCount <= MAX_SCHEMAS) pending.push({ schema, path });
    return schemaCount <= MAX_SCHEMAS;
  };
  add(definition.inputSchema, []);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { schema, path } = next;
    if (Object.hasOwn(schema, KEYWORD)) {
      const name = schema[KEYWORD];
      const problem = findProblem(schema, { name, path, names });
      if (problem !== undefined) return { mirroredArguments: [], problem };
      const lowerName = String(name).toLowerCase();
      names.add(lowerName);
      mirroredArguments.push({ path: path ?? [], header: `mcp-param-${lowerName}` });
    }
    addSubschemas(schema, { path, add });
    if (schemaCount > MAX_SCHEMAS) {
      return { mirroredArguments: [], problem: `more than ${MAX_SCHEMAS} objects in its schema` };
    }
  }
  return { mirroredArguments, problem: undefined };
}

function addSubschemas(
  schema: Readonly<Record<string, unknown>>,
  { path, add }: Pick<PendingSchema, "path"> & { readonly add: AddSchema },
): void {
  const { properties } = schema;
  if (isRecord(properties)) {
    const parent = path !== undefined && path.length < MAX_DEPTH ? path : undefined;
    for (const key of Object.keys(properties)) {
      if (!add(properties[key], parent && [...parent, key])) return;
    }
  }
  for (const keyword of SUBSCHEMAS) {
    const child = schema[keyword];
    for (const item of Array.isArray(child) ? child : [child]) {
      if (!add(item, undefined)) return;
    }
  }
  for (const keyword of SUBSCHEMA_MAPS) {
    const map = schema[keyword];
    if (!isRecord(map)) continue;
    for (const key of Object.keys(map)) {
      if (!add(map[key], undefined)) return;
    }
  }
}

/** Describes why a schema may not name a header; `undefined` if it may. */
function findProblem(
  { type }: Readonly<Record<string, unknown>>,
  { name, path, names }: {
    readonly name: unknown;
    readonly path: readonly string[] | undefined;
    readonly names: ReadonlySet<string>;
  },
): string | undefined {
  if (typeof name !== "string" || !TOKEN.test(name) || name.length > MAX_NAME_LENGTH) {
    return `an "${KEYWORD}" that is not the name of a header`;
  }
  const quoted = `the "${KEYWORD}" "${name}"`;
  if (path === undefined || path.length === 0) {
    return `${quoted} in a part of its schema that is not an argument`;
  }
  if (!hasHeaderType(type)) {
    return `${quoted} of an argument that is not a string, an integer or a boolean`;
  }
  if (names.has(name.toLowerCase())) return `${quoted} twice`;
  return names.size === MAX_HEADERS ? `more than ${MAX_HEADERS} headers` : undefined;
}

/** Whether a schema has one of the types that may have a header. It may also allow null, which is not sent. */
function hasHeaderType(type: unknown): boolean {
  const types = Array.isArray(type) ? type.filter((other) => other !== "null") : [type];
  return types.length === 1 && TYPES.has(types[0]);
}

/** Returns an argument as text; `undefined` if it is missing, or of a type that its schema does not have. */
function readValue(args: string, path: readonly string[]): string | undefined {
  const text = textAt(args, ...path);
  if (text === undefined || text === "null" || /^[[{]/.test(text)) return undefined;
  if (text.length > MAX_VALUE_LENGTH) {
    throw createValueError(path, `is longer than ${MAX_VALUE_LENGTH} characters`);
  }
  const value: unknown = JSON.parse(text);
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw createValueError(path, "is beyond the integers that all programs can read (2^53 - 1)");
  }
  return String(value);
}

function createValueError(path: readonly string[], problem: string): CallerError {
  const name = shortenText(path.join("."), MAX_NAME_LENGTH);
  const message = `The argument "${name}" ${problem}, and the server needs it as an HTTP header.`;
  return new CallerError("INVALID_ARGUMENTS", message);
}
