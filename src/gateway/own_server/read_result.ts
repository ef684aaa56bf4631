import { READ_RESULT } from "../../own_server.ts";
import type { OwnTool } from "./tool.ts";

/** Maximum length of the text to find, in UTF-16 code units: the time of a search grows with it in hostile texts. */
const MAX_GREP_LENGTH = 256;

/** Reads a part of a result that was too large for the agent. */
export const readResultTool: OwnTool = {
  definition: {
    name: READ_RESULT,
    description:
      "Reads a part of a result that was cut, by the handle in it. Without further arguments it returns the " +
      'first characters that fit; "next_offset" is the offset of the next part. Lines and characters count from 0.',
    inputSchema: {
      type: "object",
      properties: {
        handle: { type: "string" },
        offset: { type: "integer", minimum: 0, description: "First character or line" },
        limit: { type: "integer", minimum: 1, description: "Maximum number of them" },
        unit: { type: "string", enum: ["chars", "lines"], description: 'Default: "chars"' },
        grep: {
          type: "string",
          maxLength: MAX_GREP_LENGTH,
          description:
            "Only lines that hold this text, with their numbers; offset and limit count these lines",
        },
        path: {
          type: "string",
          description: "JSON pointer, such as /items/0/name: only this value; a string as its text",
        },
      },
      required: ["handle"],
    },
    outputSchema: {
      type: "object",
      properties: {
        text: { type: "string" },
        unit: { type: "string", enum: ["chars", "lines"] },
        offset: { type: "integer" },
        next_offset: { type: "integer", description: "Absent at the end" },
        total: { type: "integer", description: "Number of all characters or lines" },
      },
      required: ["text", "unit", "offset", "total"],
    },
    annotations: { title: "Read a large result", readOnlyHint: true, openWorldHint: false },
  },

  async run(args, { caller, maxResultTokens = Infinity, isNested, results }) {
    const { agent } = caller;
    const { NESTED_MAX_TOKENS, readResult, unknownHandle } = await import("./results/mod.ts");
    const keptResult = (await results()).find(String(args.handle), caller);
    if (keptResult === undefined) throw unknownHandle();
    const answer = await readResult(keptResult, {
      args: {
        offset: ifNumber(args.offset),
        limit: ifNumber(args.limit),
        unit: args.unit === "lines" ? "lines" : "chars",
        grep: ifText(args.grep),
        path: ifText(args.path),
      },
      maxTokens: isNested ? NESTED_MAX_TOKENS : Math.min(keptResult.maxTokens, maxResultTokens),
      party: `agent ${agent}`,
    });
    return { json: JSON.stringify(answer), isStructured: true };
  },
};

function ifNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function ifText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
