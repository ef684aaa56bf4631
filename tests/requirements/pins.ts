import type { Section } from "../requirements.ts";

/** Section 18 of the promises, the part about pins. */
export const PINS: Readonly<Record<string, Section>> = {
  "18 Pins": {
    "pins.file":
      "the lock file has a fixed order and shows every invisible character; anything unexpected in it is a failure that says where",
    "pins.hash":
      "a pin is the SHA-256 of the canonical definition without _meta and icons; a definition that can be read in two ways cannot be pinned",
    "pins.differences": "items that are new, changed or gone are differences",
    "pins.diff": "a difference is shown word by word",
    "pins.hidden-text":
      "text that is meant to be hidden is found in names, texts and schemas, and joiners of emoji and of scripts are none",
    "pins.enforced":
      "a pinned server's tool that is new or has changed is neither shown nor called, by any list and any name: TOOL_CHANGED, with the command that shows the difference",
    "pins.items": "prompts and resource templates are pinned as tools are",
    "pins.remembered":
      "a call is made only by a definition that the running server lists as it was pinned; what is held back is remembered, too",
    "pins.session":
      "a change during a session is held back when it is announced, and otherwise with the next list",
    "pins.hints": "rules do not decide by the annotations of a tool that is held back",
    "pins.duplicates":
      "a definition that has a key twice is held back, whatever its parsed form is",
    "pins.watched": "a change of the lock file counts immediately, and ends no session of a server",
    "pins.closed":
      "a lock file that cannot be read, or a link that leads nowhere, makes all servers unavailable, with the reason",
    "pins.status":
      "the status counts what is held back; doctor, validate and the log name it, and warn of hidden text",
    "pins.many": "a list of 10,000 tools that changed is held back while others are served",
    "pins.command":
      "pin pins servers that are not pinned, --update accepts what they offer now, and a server that fails keeps its pins",
    "pins.check":
      "pin --check changes nothing and exits with 4 for anything new, changed, gone or edited, with --strict also for a server that is not pinned or has another version",
    "pins.real":
      "of two published versions of a real server, what changed is shown, held back, and can be accepted",
    "pins.sandbox":
      "a server in a sandbox can change neither the lock file nor the target of a link to it",
    "pins.unused": "without a lock file, no code of pins is loaded",
  },
};
