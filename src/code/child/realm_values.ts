/** Limits of the code that its process enforces. The gateway checks them again: code may take over its process. */
export interface RealmLimits {
  /** Number of calls. */
  readonly maxCalls: number;
  /** Number of calls in flight; more wait. */
  readonly maxPendingCalls: number;
  /** Length of the output in UTF-16 code units. */
  readonly maxLogLength: number;
  /** Length of an argument as JSON, in UTF-16 code units. */
  readonly maxArgumentLength: number;
  /** Length of the returned value as JSON, in UTF-16 code units. */
  readonly maxReturnedLength: number;
}

/** The result of a tool, as MCP has it. */
export interface ToolResult {
  readonly content?: unknown;
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

/** A description of a thrown value. */
export interface ThrownValue {
  readonly message: string;
  readonly code?: string;
  /** Line of the code, from 1. */
  readonly line?: number;
  /** Column in the line, from 1. */
  readonly column?: number;
  /** The lines of the code that were being executed. */
  readonly stack?: string;
}

/** Turns values of the code into texts, and results of tools into values. */
export interface RealmValues {
  readonly limits: RealmLimits;
  /** Describes a thrown value, and may call functions of the code to read it. */
  describe(thrown: unknown): ThrownValue;
  /** Shows a value in the output. */
  show(value: unknown): string;
  /**
   * Serializes a value.
   *
   * @param options The value's name in a message, and the maximum length of its text.
   * @throws {TypeError} JSON has no such value.
   */
  toJson(
    value: unknown,
    options: { readonly name: string; readonly maxLength: number },
  ): string;
  /** Returns the value that a call resolves to. */
  valueOf(result: ToolResult): unknown;
  /** Returns the text of a tool's error. */
  errorTextOf(result: ToolResult): string;
}

/**
 * Creates the functions for values. Like `realmProgram`, only the text of this function is used, in the realm of the
 * code.
 */
export function createRealmValues(limits: RealmLimits): RealmValues {
  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const [OwnError, OwnTypeError, toText] = [Error, TypeError, String];

  // `AsyncFunction` puts these before the code.
  const addedLineCount = 2;

  /** Returns the frames of the code's own lines. */
  const framesOf = (stack: string): string => {
    let frames = "";
    for (const frame of stack.split("\n")) {
      const [, line, column] = /code\.js(?:, <anonymous>)?:(\d+):(\d+)/.exec(frame) ?? [];
      if (line === undefined) continue;
      const name = /^\s*at (?:async )?([\w$.<>]+) \(/.exec(frame)?.[1];
      const isNamed = name !== undefined && name !== "eval" && name !== "anonymous";
      frames += `${frames === "" ? "" : "\n"}at ${isNamed ? `${name}, ` : ""}` +
        `line ${Number(line) - addedLineCount}:${column}`;
    }
    return frames;
  };

  /** Whether a value has a message, as errors have. In an executable, `import()` throws errors of another realm. */
  const isError = (value: unknown): value is Error & { readonly code?: unknown } => {
    return typeof value === "object" && value !== null && "message" in value &&
      typeof value.message === "string";
  };

  const describe = (thrown: unknown): ThrownValue => {
    try {
      if (!isError(thrown)) return { message: show(thrown) };
      const { name, message, stack, code } = thrown;
      const frames = framesOf(toText(stack));
      const [, line, column] = /line (\d+):(\d+)/.exec(frames) ?? [];
      return {
        message: name === "Error" || name === undefined ? message : `${name}: ${message}`,
        ...(typeof code === "string" ? { code } : {}),
        ...(line === undefined ? {} : { line: Number(line), column: Number(column) }),
        ...(frames === "" ? {} : { stack: frames }),
      };
    } catch {
      return { message: "A value was thrown that cannot be shown" };
    }
  };

  const show = (value: unknown): string => {
    if (typeof value === "string") return value;
    try {
      if (isError(value) && value instanceof OwnError) {
        const { message, stack } = describe(value);
        return stack === undefined ? message : `${message}\n${stack}`;
      }
      const text = typeof value === "object" && value !== null ? stringify(value) : undefined;
      return text ?? toText(value);
    } catch {
      return "[a value that cannot be shown]";
    }
  };

  const toJson: RealmValues["toJson"] = (value, { name, maxLength }) => {
    // The objects around the current value, and their paths.
    const holders: object[] = [];
    const paths: string[] = [];
    function check(this: object, key: string, member: unknown): unknown {
      while (holders.length > 0 && holders[holders.length - 1] !== this) {
        holders.length--;
        paths.length--;
      }
      const isRoot = holders.length === 0;
      const path = isRoot
        ? name
        : `${paths[paths.length - 1]}${isArray(this) ? `[${key}]` : `.${key}`}`;
      const type = typeof member;
      if (type === "function" || type === "symbol" || type === "bigint") {
        const hint = type === "bigint" ? "; convert it with String() or Number()" : "";
        throw new OwnTypeError(`${path} is a ${type}, which JSON does not have${hint}`);
      }
      if (type !== "object" || member === null) return member;
      for (let index = 0; index < holders.length; index++) {
        if (holders[index] === member) throw new OwnTypeError(`${path} refers to ${paths[index]}`);
      }
      holders[holders.length] = member as object;
      paths[paths.length] = path;
      return member;
    }
    const text = stringify(value, check) ?? "null";
    if (text.length <= maxLength) return text;
    throw new OwnError(
      `${name} has ${text.length} characters as JSON; at most ${maxLength} are possible`,
    );
  };

  /** Returns the text of content that consists of text only. */
  const textOf = (content: unknown): string | undefined => {
    if (!isArray(content) || content.length === 0) return undefined;
    let text = "";
    for (let index = 0; index < content.length; index++) {
      if (content[index]?.type !== "text") return undefined;
      text += `${index === 0 ? "" : "\n"}${content[index].text}`;
    }
    return text;
  };

  const valueOf = ({ content, structuredContent }: ToolResult): unknown => {
    if (structuredContent !== undefined) return structuredContent;
    const text = textOf(content);
    if (text === undefined) return content;
    let value: unknown;
    try {
      value = parse(text);
    } catch {
      return text;
    }
    // A number that is written in another form, such as one that would be rounded, stays a text.
    return typeof value === "number" && toText(value) !== text.trim() ? text : value;
  };

  const errorTextOf = ({ content, structuredContent }: ToolResult): string => {
    return textOf(content) ?? stringify(structuredContent ?? content) ?? "The tool failed";
  };

  return { limits, describe, show, toJson, valueOf, errorTextOf };
}
