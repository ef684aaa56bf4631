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
  },
};
