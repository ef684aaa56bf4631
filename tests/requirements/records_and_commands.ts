import type { Section } from "../requirements.ts";

/** As much of sections 8 and 12 of the contract as has tests. */
export const RECORDS_AND_COMMANDS: Readonly<Record<string, Section>> = {
  "8 Records": {
    "audit.fields": "one line per operation with the fields of the contract",
    "audit.before-answer": "written before the answer leaves",
    "audit.decision": "DENY for refusals, ERROR for failures, ALLOW for the rest",
    "audit.no-values": "argument values are not written",
    "audit.place": "where GATEWAY_AUDIT_LOG says, by default ./logs/audit.jsonl",
    "audit.fallback": "where that cannot be written, the user's state folder, with a warning",
    "metrics.bounded": "metrics take bounded memory, whatever servers and callers say",
    "audit.failing-disk": "a failing disk fails no call",
  },
  "12 The command": {
    "cli.help": "--help names every flag and its variable",
    "cli.version": "--version is the version",
    "cli.usage-errors": "a wrong command line exits 2 with nothing on stdout",
    "cli.config-errors": "a bad configuration exits 1 with nothing on stdout",
    "cli.flags": "flags count with and without serve, and before variables",
    "cli.startup-summary": "the startup summary of the original, on stderr",
    "cli.log-level": "the log says as much as is asked for",
    "cli.log-format": "as text, or as JSON",
    "config.search-order": "flag, variable, the user's own folder, the working folder, config/",
    "config.announced": "files passed over, or found in the working folder, are announced",
    "config.missing-explained": "no file: where was looked, and how to make one",
    "config.unreadable-explained": "what cannot be read is told",
    "config.tilde": "~ is the home folder",
    "settings.defaults": "the defaults of flags and variables",
    "settings.twins": "each flag has its variable; the flag wins, empty is not given",
    "settings.booleans": "1, true and yes",
    "settings.bad-value-named": "a bad value is told by flag or variable",
  },
};
