import type { Section } from "../requirements.ts";

/** What section 12 of the contract says of `init`. */
export const COMMAND_INIT: Readonly<Record<string, Section>> = {
  "12 The command: init": {
    "init.places": "where each client keeps its servers, on Linux, macOS and Windows",
    "init.clients": "servers of all five clients are found",
    "init.import": "stdio and remote servers are taken over, in the gateway's words",
    "init.self": "an entry that is the gateway itself is left out",
    "init.damaged": "a damaged file is told with line and column, and the others count",
    "init.collisions": "equal entries are one; of others one is chosen, and that is told",
    "init.stranger": "without questions, the working folder's files are taken only where named",
    "init.yes": "--yes asks nothing, takes all servers for one agent, and touches no client",
    "init.no-terminal": "without a terminal and without --yes: exit 2, which says to add --yes",
    "init.from": "--from names one client or a file",
    "init.here": "--here writes into the working folder",
    "init.valid": "what is written is valid, and the entry that is printed serves it",
    "init.rules": "each agent is allowed exactly its servers; calls without agent_id are refused",
    "init.again": "what the gateway has already stays, comments included",
    "init.mode": "the servers file, backups and the journal are for the user only",
    "init.questions": "at a terminal: which servers, agents, tools and clients",
    "init.cancel": "what is cancelled writes nothing and exits 130",
    "init.client-entry": "the gateway goes into the client, whose comments and layout stay",
    "init.take-out": "servers leave their client only where somebody says so",
    "init.always-load": "Claude Code's entry has alwaysLoad",
    "init.launch": "the entry names the executable, the launcher, or Deno with its permissions",
    "init.backup": "every file that changes has a backup beside it, which is named",
    "init.whole": "what goes wrong half-way leaves every file as it was",
    "init.links": "links stay links, permissions stay as they are",
    "init.undo": "--undo puts back every file of the last init",
    "init.undo-changed": "what has changed since is kept, or put back where somebody says so",
    "init.undo-client": "of a client's file that has changed since only init's part is undone",
  },
};
