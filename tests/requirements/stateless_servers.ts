import type { Section } from "../requirements.ts";

/** Promises about servers of revision 2026-07-28. */
export const STATELESS_SERVERS: Readonly<Record<string, Section>> = {
  "22 Servers without sessions": {
    "servers.stateless-changes":
      "a server that announces changes is listened to; changes that may have been missed count as changes",
    "servers.stateless-ttl":
      "a list is requested again when the time has passed for which its server says it is valid",
    "servers.stateless-remembered":
      "a gateway that starts again does not ask a server anew which revision it speaks",
  },
};
