import type { Section } from "../requirements.ts";

/** Section 26 of the promises, in part: the memory that is held for agents, clients and servers. */
export const MEMORY: Readonly<Record<string, Section>> = {
  "26 Held memory": {
    "memory.calls":
      "active calls and messages being read take at most a quarter of the memory for each agent; further ones are refused",
    "memory.client-changes":
      "at most one change of the log level and one of the roots is pending for each session of a server",
    "memory.batch":
      "the answers of a batch that wait for others of it count in the memory of their agent",
    "memory.unread":
      "the answers that a client over stdio does not read take at most 128 MiB and one answer; further ones are errors",
    "memory.catalogs": "the lists of tools of a server take at most its share of the memory",
    "memory.answers":
      "the answers of a remote server that are being read take at most its share of the memory",
    "memory.server-requests":
      "a server's requests that wait for a client take at most 16 MiB each, and together at most the server's share of the memory",
    "memory.unread-server":
      "a call that is cancelled before it leaves the queue of a server that does not read is dropped, and later calls are refused beyond the server's share",
    "security.overload":
      "while hostile agents and servers are at their limits, another agent's calls take less than 100 ms at p99, and the gateway less than 900 MB of memory",
    "security.many-tools":
      "work on a server's 10,000 tools is done in steps, searching similar names has a limit, and unknown tools do not fetch the list again and again",
    "security.long-work":
      "a message of 64 KiB or more is handled in steps, and over HTTP reading busy pipes and starting processes are such steps, too; other work runs between them, and agents and servers take turns",
    "memory.unsent":
      "at most 16 POSTs to a remote server's session are open for messages that are not calls, each for a limited time; others wait, and too many of them end the session",
    "memory.unread-pings":
      "a server that sends requests and reads none of the gateway's answers loses its session before the answers take much memory",
    "memory.unread-session":
      "messages that one session of a server has not read count in the share of the agent that sent them, and refuse no calls of other sessions",
    "memory.ended-calls":
      "the sessions of servers keep neither the arguments nor the results of calls that have ended",
    "memory.descriptions":
      "a session keeps only what the gateway uses of a server's description of itself",
    "memory.login-responses":
      "a login response that arrives byte by byte takes as much memory as another one",
    "memory.session-names":
      "session ids, endpoints and cookies that a remote server gives a session are limited in length",
    "memory.kept-text":
      "what is kept of a message does not keep the rest of the message, or of its batch, in memory",
    "memory.unread-client":
      "while a client over stdio does not read, progress and log messages are dropped, and servers are not read",
  },
};
