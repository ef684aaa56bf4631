import type { Section } from "../requirements.ts";

/** Section 16 of the promises. */
export const CATALOGS: Readonly<Record<string, Section>> = {
  "16 Catalogs that are remembered": {
    "catalogs.auto":
      "with the strategy auto, the default, a server whose catalog is remembered is not started until a call, which does not wait for a list; lazy answers from memory, too, and eager writes it",
    "catalogs.kinds": "resources and prompts are remembered as tools are",
    "catalogs.changed":
      "a server that starts for a call is asked for its catalog again; if it has changed, its lists change",
    "catalogs.age": "a catalog older than 24 h is renewed in the background when it is used",
    "catalogs.announced":
      "a server is remembered although it changes its list right after the handshake, or asks for the client's roots",
    "catalogs.agents": "nothing that an agent caused is remembered",
    "catalogs.described":
      "a server without a description is described by the first sentence of its instructions, or else its title, in at most 200 characters without control characters, in list_servers and in the instructions",
    "catalogs.refresh":
      "agent-mcp-gateway refresh reads the catalogs again, and exits with 1 for a server that is unknown, with similar names, or fails",
    "catalogs.file":
      "what a server offers is remembered in a file for each entry and set of capabilities, exactly as the server wrote it, in the user's cache folder, which only the user can read",
    "catalogs.start":
      "the start of a gateway reads one file for all servers, which counts only while the servers file has not changed",
    "catalogs.key":
      "the name of a file is a keyed hash of the resolved entry, so that neither it nor the file holds a secret of the entry",
    "catalogs.entry": "a changed entry, also by the value of a variable, is not remembered",
    "catalogs.hostile":
      "a damaged file, a link, a pipe, or a folder that others can change is not read, and nothing is written through it",
    "catalogs.unwritable":
      "a folder that cannot be written changes no answer, and one warning names it",
    "catalogs.bounds":
      "at most 500 files and 64 MiB are kept, of which the oldest are removed, and no file over 16 MiB",
    "catalogs.kill": "a file is written whole or not at all, however the gateway ends",
    "catalogs.together": "gateways that start at the same time agree on one key",
  },
};
