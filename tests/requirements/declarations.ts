import type { Section } from "../requirements.ts";

/** The part of section 17 of the promises that is about `detail: "types"`. */
export const DECLARATIONS: Readonly<Record<string, Section>> = {
  "17 Types of tools": {
    "types.detail":
      "get_server_tools with detail types declares the tools that it would list, of a server or found by a query, in one text, within the same limits",
    "types.real-tools":
      "the declarations of all tools of 14 real servers are valid TypeScript, and right calls of each are valid and wrong ones are not",
    "types.tokens":
      "the declarations take at least 40 % fewer tokens than the full definitions of each server",
    "types.descriptions":
      "a declaration has short descriptions of the tool and its parameters, with formats and defaults",
    "types.schemas": "the keywords of input and output schemas become types",
    "types.references":
      "types that are used again or recursive have names, and no two the same one",
    "types.hostile":
      "whatever the schemas and names are, the declarations are valid, declare nothing else, are of bounded length, and take bounded time",
    "types.command": "agent-mcp-gateway tools --detail types prints the declarations",
  },
};
