import type { Section } from "../requirements.ts";

/** Section 14 of the promises, as far as it is about connections to servers. */
export const SERVERS_ITEMS: Readonly<Record<string, Section>> = {
  "14 Resources and prompts of servers": {
    "servers.lists":
      "resources, URI templates and prompts of a server are listed page by page, with unchanged definitions, and cached",
    "servers.undeclared": "a server is not asked for resources or prompts that it does not declare",
    "servers.list-limits":
      "garbage in a list of resources or prompts is left out and logged; a list that is none is an error",
    "servers.list-changes":
      "a list is requested again after the server has announced a change, and changes are reported",
    "servers.offers":
      "what a server offers is known from its handshake on, also after its session has ended",
    "servers.requests":
      "resources are read, prompts gotten and arguments completed as tools are called; results and errors are as the server wrote them",
    "servers.request-failures":
      "a request that is not answered times out, and a crash or an answer that is no result fails it",
    "servers.subscriptions":
      "updates reach, as the server wrote them, the connections that have subscribed to the resource or to one that it is a part of; clients that share a session subscribe at the server once",
    "servers.subscription-pins":
      "a subscription keeps its session open while it is unused, and delays neither a reload nor a drain",
    "servers.subscription-renewal":
      "after its session has ended, a subscription is made again once, and the client is told of an update",
    "servers.subscription-hostile":
      "floods of updates delay no call; subscriptions are limited in number and in memory",
  },
};
