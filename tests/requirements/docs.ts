import type { Section } from "../requirements.ts";

/** Promises about the documentation. */
export const DOCS: Readonly<Record<string, Section>> = {
  "12 The command: docs": {
    "docs.blocks":
      "every block of README.md, CONTRIBUTING.md, SECURITY.md and docs/ is run, loaded or parsed",
    "docs.unchecked": "blocks that are not run, or not checked, are counted and listed",
    "docs.clients": "docs/clients.md has the entries and settings that init writes and shows",
    "docs.start": "the commands on the getting-started page work in a fresh home folder",
    "docs.settings": "every setting is described, and pages name only settings that exist",
    "docs.keys": "every key of both files is described",
    "docs.codes": "every error code has its cause and fix",
    "docs.commands": "every command is on docs/commands.md",
    "docs.developing": "docs/developing.md has every layer, task and dependency",
    "docs.figures":
      "README.md states the number of missed targets in docs/performance.md, and both have the tokens of what clients see",
    "docs.links": "links between pages lead to files and headings",
  },
};
