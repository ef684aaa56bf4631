import type { Section } from "../requirements.ts";

/** Section 12 of the promises: `init`. */
export const COMMAND_INIT: Readonly<Record<string, Section>> = {
  "12 The command: init": {
    "init.paths": "the paths of each client's server files are known on Linux, macOS and Windows",
    "init.clients": "servers of all nine clients are found",
    "init.import": "stdio and remote servers are imported in the gateway's format",
    "init.self": "an entry that is the gateway itself is left out",
    "init.many": "a file with implausibly many servers is reported, and the other files are used",
    "init.damaged": "a damaged file is reported with line and column; the other files are used",
    "init.collisions": "equal entries are merged; different ones of one name get distinct names",
    "init.stranger": "without questions, the working folder's files are imported only if named",
    "init.yes": "--yes asks nothing, imports all servers for one agent, and changes no client",
    "init.no-terminal": "without a terminal and without --yes, init exits 2 and says to add --yes",
    "init.from": "--from names one client or a file",
    "init.here": "--here writes into the working folder",
    "init.valid": "the written files are valid, and the printed entry serves the imported servers",
    "init.rules": "each agent is allowed exactly its servers; calls without agent_id are refused",
    "init.again": "existing content of the gateway's files stays, comments included",
    "init.mode": "the servers file, backups and the journal are readable only by the user",
    "init.questions": "at a terminal, init asks for servers, agents, tools and clients",
    "init.untouched": "with the default answers, no file but the gateway's own two is changed",
    "init.agents": "with several agents, each client's entry names its agent",
    "init.look": "rules for tools name the tools that the started servers list",
    "init.ask":
      "init proposes that a person is asked before each call of a tool that does not only read, and shows the tools",
    "init.describe": "a server without a description gets one, in one short sentence",
    "init.formats": "each client's own format is read, written and undone; others are reported",
    "init.secrets": "secrets in clear text are found anywhere in an entry",
    "init.summary": "the last lines say what was written and what to do next",
    "init.cancel": "a cancelled run writes nothing and exits 130",
    "init.client-entry":
      "the entry is written to the client's file, whose comments and layout stay",
    "init.take-out": "servers are removed from their client only after confirmation",
    "init.face":
      "init offers the direct face, with the reason, to clients that search for tools themselves and where there are few tools",
    "init.always-load": "Claude Code's entry has alwaysLoad",
    "init.launch":
      "the entry names the executable, the launcher, or Deno with its permissions, by absolute paths",
    "init.backup": "every file that changes has a backup beside it, which is named",
    "init.whole": "a failure half-way leaves every file unchanged",
    "init.links": "links stay links, permissions stay as they are",
    "init.undo": "--undo restores every file of the last init",
    "init.undo-changed": "files that have changed since are kept, or restored after confirmation",
    "init.undo-client": "in a client's file that has changed since, only init's part is undone",
  },
};
