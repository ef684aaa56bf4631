/**
 * Writes what `detail: "types"` shows: TypeScript declarations of tools for a program of `run_code`. The text is a valid
 * program, whatever the servers list.
 */

import type { Tool } from "../../downstream/mod.ts";
import {
  commentOf,
  describesType,
  MARK,
  markOf,
  propertyKey,
  type ReferredType,
  startTypes,
  writeParameter,
  writeType,
} from "./schema_declaration.ts";
import { summaryOf } from "./signature.ts";
import { estimateTokens } from "./tokens.ts";
import type { FoundTool } from "./finding/mod.ts";
import type { StepRunner } from "./tool_listing.ts";

/** The declaration of a tool. Marks stand for its named types, whose names depend on the other declared tools. */
interface Declaration {
  readonly text: string;
  readonly types: readonly ReferredType[];
}

/** Maximum length of the types of an input schema and of an output schema, in UTF-16 code units. */
const MAX_INPUT_CHARS = 24_000;
const MAX_OUTPUT_CHARS = 4_000;
/** Maximum number of tokens of a parameter's description. */
const DOC_TOKENS = 24;
/** Maximum length of a type that is repeated where it is used instead of getting a name. */
const SHORT_TYPE_CHARS = 24;

const keptDeclarations = new WeakMap<Tool, Declaration>();

/** Returns the declaration of a tool. It is kept if it is not longer than the definition, whose memory is counted. */
function declarationOf(tool: Tool): Declaration {
  const keptDeclaration = keptDeclarations.get(tool);
  if (keptDeclaration !== undefined) return keptDeclaration;
  const declaration = declareTool(tool);
  const length = declaration.types.reduce(
    (sum, { text }) => sum + text.length,
    declaration.text.length,
  );
  if (length <= tool.text.json.length) keptDeclarations.set(tool, declaration);
  return declaration;
}

function declareTool({ name, definition, text: { json } }: Tool): Declaration {
  const { inputSchema, outputSchema } = definition as Readonly<Record<string, unknown>>;
  const input = startTypes(inputSchema, { maxChars: MAX_INPUT_CHARS, docTokens: DOC_TOKENS });
  const parameter = expandTypes(writeParameter(inputSchema, input), input.referred, 0);
  const output = startTypes(outputSchema, { maxChars: MAX_OUTPUT_CHARS, docTokens: 0 });
  const outputText = describesType(outputSchema, output) ? writeType(outputSchema, output) : "any";
  const result = expandTypes(outputText, output.referred, parameter.types.length);
  const types = [...parameter.types, ...result.types];
  const signature = `${propertyKey(name)}(${parameter.text}): Promise<${result.text}>`;
  const signatureWithTypes = [signature, ...types.map((type) => type.text)].join(" ");
  const fullTokens = estimateTokens(json);
  const comment = commentOf(summaryOf(definition, { signature: signatureWithTypes, fullTokens }));
  return { text: comment === "" ? signature : `${comment}\n${signature}`, types };
}

/**
 * Replaces the marks of types that are short or used once by the types themselves. The other types get names later;
 * their marks are numbered from `firstNumber` on.
 */
function expandTypes(
  text: string,
  referred: readonly ReferredType[],
  firstNumber: number,
): Declaration {
  const useCounts = referred.map(() => 0);
  for (const part of [text, ...referred.map((type) => type.text)]) {
    for (const [, number] of part.matchAll(MARK)) {
      const index = Number(number);
      useCounts[index] = (useCounts[index] ?? 0) + 1;
    }
  }
  const isNamed = ({ text }: ReferredType, index: number): boolean =>
    (useCounts[index] ?? 0) > 1 && (text.length > SHORT_TYPE_CHARS || text.includes("\0"));
  const namedTypes = referred.filter(isNamed);
  const expand = (part: string): string =>
    part.replace(/\0(\d+)\0(\[\])?/g, (_, number, brackets = "") => {
      const type = referred[Number(number)];
      if (type === undefined) return "unknown";
      const position = namedTypes.indexOf(type);
      if (position >= 0) return `${markOf(firstNumber + position)}${brackets}`;
      const expandedText = expand(type.text);
      return brackets === "" || !/ [|&] /.test(expandedText)
        ? expandedText + brackets
        : `(${expandedText})[]`;
    });
  return {
    text: expand(text),
    types: namedTypes.map(({ name, text }) => ({ name, text: expand(text) })),
  };
}

/** Returns the declaration of one tool with its types. */
export function writeDeclaration(tool: Tool): string {
  return new Declarations().add({ server: "", tool });
}

/** Declares tools together; returns the text as JSON. */
export async function declareTools(
  tools: readonly FoundTool[],
  runStep: StepRunner,
): Promise<string> {
  const declarations = new Declarations();
  for (const tool of tools) await runStep(() => declarations.add(tool));
  return await runStep(() => JSON.stringify(declarations.text()));
}

/** Collects the declarations of tools. */
export class Declarations {
  /** The declarations of the tools of each server. */
  readonly #methods = new Map<string, string[]>();
  /** The line of each type by its name. */
  readonly #types = new Map<string, string>();

  /** Adds a tool; returns the text that it adds. */
  add({ server, tool }: FoundTool): string {
    const { text, types } = declarationOf(tool);
    const names = this.#namesOf(types);
    const methods = this.#methods.get(server) ?? [];
    this.#methods.set(server, methods);
    const method = nameTypes(text, names);
    methods.push(method);
    let added = method;
    for (const [index, type] of types.entries()) {
      const name = names[index];
      if (name === undefined || this.#types.has(name)) continue;
      const line = typeLine(name, nameTypes(type.text, names));
      this.#types.set(name, line);
      added += line;
    }
    return added;
  }

  /**
   * Chooses the names of a tool's types: the names in their references; with a number if another type has one of these
   * names.
   *
   * @returns No names if the names with a number are taken, too; then the types are `unknown`.
   */
  #namesOf(types: readonly ReferredType[]): readonly string[] {
    for (const ending of ["", `_${this.#types.size}`]) {
      const names = uniqueNames(types, ending);
      const areFree = types.every(({ text }, index) => {
        const name = names[index] ?? "";
        const knownLine = this.#types.get(name);
        return knownLine === undefined || knownLine === typeLine(name, nameTypes(text, names));
      });
      if (areFree) return names;
    }
    return [];
  }

  /** Returns the text of all declarations. */
  text(): string {
    const servers = [...this.#methods].map(([server, methods]) =>
      `${propertyKey(server)}: {\n${methods.join("\n")}\n}\n`
    );
    return `${[...this.#types.values()].join("")}declare const tools: {\n${servers.join("")}}`;
  }
}

/** Returns a different name for each type of a tool. */
function uniqueNames(types: readonly ReferredType[], ending: string): string[] {
  const names = new Set<string>();
  for (const { name } of types) {
    let unique = `${name}${ending}`;
    for (let copy = 2; names.has(unique); copy += 1) unique = `${name}${ending}_${copy}`;
    names.add(unique);
  }
  return [...names];
}

/** Replaces the marks of types by their names. */
function nameTypes(text: string, names: readonly string[]): string {
  return text.replace(MARK, (_, number) => names[Number(number)] ?? "unknown");
}

function typeLine(name: string, text: string): string {
  return `type ${name} = ${text}\n`;
}
