import { approvalStatus } from "./approval_status.ts";
import { readResultTool } from "./read_result.ts";
import { runCode } from "./run_code.ts";
import type { OwnTool } from "./tool.ts";

/** The tools of the own server by name, in the order in which `tools/list` shows them. */
export const OWN_TOOLS: ReadonlyMap<string, OwnTool> = new Map(
  [runCode, readResultTool, approvalStatus].map((tool) => [tool.definition.name, tool]),
);
