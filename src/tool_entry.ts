/**
 * The types of the entries in the rules' lists of tools. A leaf: imports nothing of the project.
 *
 * @module
 */

/** A pattern of tool names, or one that matches only under conditions. */
export type ToolEntry = string | ConditionalEntry;

/** An entry that matches if its tool matches, the tool's annotations fit, and every test holds. */
export interface ConditionalEntry {
  /** The pattern of tool names. */
  readonly tool: string;
  /** The statement that the tool's annotations have to make. */
  readonly hint?: ToolHint;
  /** The tests by argument: a key of the arguments, or a JSON pointer into them. */
  readonly when?: ReadonlyMap<string, ArgumentTest>;
}

/** A statement of a tool's annotations. */
export type ToolHint = "read_only" | "destructive" | "open_world";

/** The tests of one argument, which must all hold. Lists hold if one of their patterns does. */
export interface ArgumentTest {
  /** The whole JSON value. */
  readonly equals?: unknown;
  /** Whole JSON values. */
  readonly oneOf?: readonly unknown[];
  /** Patterns of the whole text. */
  readonly like?: readonly string[];
  /** Patterns of the whole text, whatever its case. */
  readonly ilike?: readonly string[];
  /** Absolute folders; one of them has to contain the path. */
  readonly within?: readonly string[];
  /** Patterns of the host of a URL. */
  readonly host?: readonly string[];
  /** The least number. */
  readonly min?: number;
  /** The greatest number. */
  readonly max?: number;
  /** The greatest number of characters (code points). */
  readonly maxLength?: number;
  /** Whether there is a value. */
  readonly exists?: boolean;
}
