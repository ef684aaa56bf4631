import type { Section } from "../requirements.ts";

/** Section 14 of the promises, as far as it is about resources, prompts and completion. */
export const OFFERED: Readonly<Record<string, Section>> = {
  "14 Resources, prompts and completion": {
    "offered.unchanged":
      "resources, resource templates and prompts of servers are listed, read and gotten by the methods of the protocol; all that a server says of them is forwarded as it is, but for the names of prompts",
    "offered.capabilities":
      "resources, prompts and completions are declared if a server of the agent has them or is not known yet; none without an agent",
    "offered.rules":
      "an agent sees and gets only what its rules allow; a denial has its rule only if a list or a template leads to a server that the agent may use, and otherwise looks as if nothing were there",
    "offered.no-agent":
      "a connection without an agent sees empty lists, gets -32002 and -32602, and the log says so once",
    "offered.limits": "every request counts towards the limits of its agent",
    "offered.errors":
      "a JSON-RPC error of a server comes through as it is; an unknown or denied resource is -32002, an unknown or denied prompt -32602, and data has the gateway's error",
    "offered.requests":
      "requests for resources and prompts have deadlines, progress, cancellation, limits, spans and audit lines, as calls of tools have",
    "offered.subscriptions":
      "a client is notified when a resource is updated to which it has subscribed, and that the rules allow",
    "offered.changes":
      "a client that has asked for a list is notified when the list changes, and after a reload",
    "reload.offered":
      "after a reload, subscriptions at a server that was replaced are renewed and the client is told of an update, those that the rules deny pause, and the lists are announced as changed",
    "offered.completion":
      "arguments of prompts and of resource templates are completed by their server",
    "offered.names": "names of prompts are made as those of direct tools are",
    "offered.no-tools": "a server without tools is a good server, of which nothing warns",
    "offered.merged":
      "lists are merged over the servers that the agent may use, in the order of the servers file; a URI or a template that several servers list is listed once, the first server's",
    "offered.pages":
      "pages have at most 500 items; changes between two pages neither repeat nor skip other items",
    "offered.cursors": "a cursor of another list or of another program is refused with -32602",
    "offered.templates":
      "a URI that no server lists is read from the first server with a template that matches it, in time linear in the URI whatever the template is",
    "offered.pending":
      "an answer waits at most 2 s for servers whose lists are not known yet; their part follows with list_changed",
    "offered.failing": "a server that fails is left out, and the log has the reason",
    "security.many-resources":
      "thousands of resources, or of templates that a URI almost matches, occupy the gateway for at most 100 ms of CPU time at once",
    "offered.links":
      "a URI that no list leads to is read from the server that last gave it to the connection in a result",
    "offered.audit":
      "every request has a line in the audit log, with the method, and the URI without userinfo and query or the server's own name of the prompt",
  },
};
