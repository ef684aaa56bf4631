import { isRecord } from "./import_entry.ts";
import type { Access } from "./plan.ts";

/** A tool as its server lists it, as far as rules are made from it. */
export interface InspectedTool {
  /** Its name. */
  readonly name: string;
  /** Its definition's annotations. */
  readonly annotations: unknown;
}

/** The result of starting a server once: its tools, or why it failed. */
export interface InspectedServer {
  /** Its tools; absent where it could not be started. */
  readonly tools?: readonly InspectedTool[];
  /** Why it could not be started, in one line. */
  readonly failure?: string;
  /** Whether it said nothing until its time was over: another try may help. */
  readonly isSilent?: boolean;
  /** A command that downloads its package. */
  readonly fill?: string;
  /** The instructions that the server sends to its clients. */
  readonly instructions?: string;
  /** Its name for people. */
  readonly title?: string;
}

/** Inspected servers by name; a server that was not started is missing. */
export type Inspected = ReadonlyMap<string, InspectedServer>;

/** Whether a server says what its tools do: one annotation is enough. */
export function hasToolHints({ tools = [] }: InspectedServer = {}): boolean {
  return tools.some(({ annotations }) =>
    isRecord(annotations) &&
    (typeof annotations.readOnlyHint === "boolean" ||
      typeof annotations.destructiveHint === "boolean")
  );
}

/**
 * The tools that a choice allows, by what their server says of them. Where a tool says nothing, it
 * may change things and destroy them: these are the protocol's defaults.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations}
 */
export function allowedTools(tools: readonly InspectedTool[], access: Access): string[] {
  return tools.filter(({ name, annotations }) => {
    // In the rules this would be a pattern, which allows more than the tool.
    if (/[*?]/.test(name)) return false;
    if (access === "all") return true;
    const { readOnlyHint, destructiveHint } = isRecord(annotations) ? annotations : {};
    return readOnlyHint === true || (access === "careful" && destructiveHint === false);
  }).map(({ name }) => name);
}
