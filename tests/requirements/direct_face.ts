import type { Section } from "../requirements.ts";

/** Section 14 of the promises, as far as it is about the direct face. */
export const DIRECT_FACE: Readonly<Record<string, Section>> = {
  "14 The direct face": {
    "direct.name":
      "the name of a tool is SERVER__TOOL where that is plain and short enough, else it ends in a hash of both; it depends on nothing else, and no two meet",
    "direct.list":
      "with --face direct, tools/list has the tools of the servers that the connection's agent may call, and none of the three",
    "direct.entry":
      "the tools that gateway.direct of an entry names are shown beside the gateway's own, whatever the face",
    "direct.definition":
      "a definition is as the server wrote it, with all fields; only the name is another",
    "direct.call":
      "a call by a direct name reaches the tool with its arguments unchanged, and returns its result unchanged",
    "direct.errors":
      "a denied tool answers as execute_tool does, whether its server exists or not; an unknown name is the JSON-RPC error -32602",
    "direct.agent":
      "calls are made as the connection's agent; a connection without one sees no tools, which the log says once",
    "direct.cursor": "a list of more than 500 tools has pages; a foreign cursor is -32602",
    "direct.decisions": "execute_tool and direct names obey the same rules",
    "direct.wait":
      "a list waits at most 2 s for servers whose tools are not known yet; a server that fails is left out, and the log says why",
    "direct.audit":
      "calls are recorded with the operation direct, the server, the tool and the rule",
    "direct.instructions": "the instructions name no tool that is not shown",
    "direct.name-limit": "GATEWAY_NAME_LIMIT limits the length of names",
    "direct.changes":
      "a client that asked for a list is notified when it changes, once for several changes within 100 ms",
  },
};
