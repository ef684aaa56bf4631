import type { Section } from "../requirements.ts";

/** Section 15 of the promises. */
export const FINDING: Readonly<Record<string, Section>> = {
  "15 Finding a tool": {
    "finding.arguments":
      "get_server_tools takes query, and then server is optional; one of the two is required, names and pattern narrow the search, and detail and max_schema_tokens work as without query",
    "finding.shape":
      "the answer has tools with server, name, signature and the first sentence of the description in at most 160 characters, and query, total_available, returned, tokens_used and detail",
    "finding.best":
      "the answer has the best tools that the agent may call, at most eight, and none that is far behind the best",
    "finding.nothing": "if no tool fits, a hint names the servers of the agent",
    "finding.fields":
      "names, titles, descriptions, parameters and their descriptions, and the server's name and description are searched",
    "finding.stems": "other forms of a word are found",
    "finding.synonyms": "synonyms of the field are found",
    "finding.typos": "words with typos are found",
    "finding.no-leak":
      "tools and servers that the agent may not use affect neither the order nor the numbers nor the hints of an answer",
    "finding.pending":
      "a server whose tools are not known is started; the first query waits for it at most 3 s, pending names it, and if nothing fits, the hint says to call again",
    "finding.unavailable": "a server that failed is named in unavailable",
    "finding.no-login": "a query about all servers asks nobody to log in",
    "finding.no-record": "the text of a query is in no record",
    "finding.loading": "the search is loaded for the first query, not at the start",
    "finding.queries":
      "the answers to a set of queries have a right tool among the first five for 94 % of them, and the median answer has at most 300 tokens",
    "finding.session":
      "the definitions of the gateway's tools, a query, the full definition of the tool and a call take less than 1,000 tokens for the median task",
    "finding.time": "a query takes about a millisecond with 2,300 tools",
    "finding.command":
      "agent-mcp-gateway tools --query shows what a query finds, and waits for servers until they list their tools or fail",
  },
};
