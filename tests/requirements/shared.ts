import type { Section } from "../requirements.ts";

/** Section 19 of the promises, in part: one set of servers for many windows. */
export const SHARED: Readonly<Record<string, Section>> = {
  "19 Shared gateways": {
    "shared.clients":
      "each client of a shared gateway has its own agent, capabilities and audit session; isolation decides which sessions of servers they share; a client that goes ends what only it used",
    "shared.one-daemon":
      "clients of one configuration that start with --shared get one set of servers, also if they start at once",
    "shared.client-gone":
      "a client of a shared gateway that is killed is gone, with its calls and the servers that only it used",
    "shared.input": "a shared gateway answers what came with the end of the input",
    "shared.daemon-gone":
      "if a shared gateway is killed, calls in flight fail once with SERVER_UNAVAILABLE, and the next call works, in the same session",
    "shared.initialize":
      "the initialize of a client is answered, by the next shared gateway or with the reason, if one is killed before it answers",
    "shared.stop":
      "a client's process ends when it is asked to, also while its shared gateway starts",
    "shared.drain":
      "a shared gateway that is asked to end answers its calls, while its clients go on with another, and no call fails",
    "shared.list-changes":
      "a client that goes on with another shared gateway is told that the lists which it has requested may have changed",
    "shared.unknown-agent":
      "an agent that is not in the rules is named in the standard error of its client, and in the shared gateway's log",
    "shared.start-failure":
      "an error in the configuration ends a client's process as without --shared",
    "shared.separate":
      "clients share a gateway only if the files, the program, the settings and all variables that servers get are the same",
    "shared.key":
      "neither the id nor the command line of a shared gateway lets anybody test for the values of its variables",
    "shared.envelope": "a relay recognizes which requests are open, in every spelling of a message",
    "shared.lines":
      "a relay passes lines on unchanged in both directions, and never a part of one that a lost gateway has begun",
    "shared.folder":
      "a relay uses no folder, socket or gateway that could be another user's, or that does not answer, and says so",
    "shared.chaos":
      "every call of 20 clients ends once, with its own answer or a named error, while relays, shared gateways and servers are killed",
    "settings.shared":
      "a gateway that is to be shared is refused over HTTP, and with an audit log in a standard stream",
    "shared.permissions":
      "no client gets more permissions from a shared gateway than it was started with",
    "shared.further-variables":
      "after an edit that names a further variable, each client of a shared gateway gets its own value of it",
    "shared.loopback":
      "without Unix sockets a shared gateway listens on loopback; gateway and client prove to each other that they know a token that only their user can read, and never send it",
    "shared.hello":
      "a connection that does not begin with the right hello in time gets no MCP, and delays no other",
    "shared.linger":
      "without a client for GATEWAY_LINGER_S, a shared gateway ends with all it started, and leaves only its log",
    "shared.status":
      "a shared gateway reports its clients, servers, processes and memory to its user, and ends when asked, after its calls",
    "shared.commands":
      "ps shows shared gateways, down ends them after their calls, logs shows their logs; each says what to do if one does not answer",
    "shared.named":
      "get_gateway_status says that a gateway is shared, and doctor names the shared gateways of the files that it checks",
    "shared.differences":
      "ps names the settings, variables and other parts that separate shared gateways of the same files, without their values",
    "init.shared":
      "init --shared writes entries with which all clients share one gateway, also into those that are there, and names those that it cannot change",
    "shared.old-logs":
      "the log of a shared gateway that has ended is removed after a week, and that of one that runs is not",
    "shared.log-lines": "a reader that follows the log of a shared gateway gets every line once",
  },
};
