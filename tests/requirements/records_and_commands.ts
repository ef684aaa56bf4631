import type { Section } from "../requirements.ts";

/** Sections 8 and 12 of the promises: records, and the command. */
export const RECORDS_AND_COMMANDS: Readonly<Record<string, Section>> = {
  "8 Records": {
    "audit.fields": "each operation has one line with the fields of the contract",
    "audit.before-answer": "a line is written before the answer is sent",
    "audit.decision": "the decision is DENY for refusals, ERROR for failures, otherwise ALLOW",
    "audit.no-values": "argument values are not written",
    "audit.path": "the path is GATEWAY_AUDIT_LOG, by default in the user's state folder",
    "audit.unread":
      "an audit log on a standard stream that nobody reads delays nothing; dropped lines are counted",
    "audit.refused-path":
      "the log is never written through a link, to another user's file or to what is no log",
    "audit.protocol": "an audit log is never written to the protocol's standard output",
    "audit.fallback":
      "if the path cannot be written, the user's state folder is used, with a warning",
    "metrics.bounded": "metrics take bounded memory, whatever servers and callers send",
    "metrics.dimensions": "operations are counted by operation, agent, server and tool",
    "metrics.percentiles": "the average, p50, p95 and p99 of latencies are within 1 %",
    "metrics.errors": "errors are counted by code, with their rate",
    "metrics.prometheus": "the Prometheus text agrees with the summary",
    "metrics.replicas": "durations are histograms whose buckets add up over replicas",
    "metrics.flat": "a million operations from 10,000 agents do not increase the memory",
    "trace.spans": "operation, decision, queue and downstream call have nested spans",
    "trace.attributes": "attributes have the names of the semantic conventions of MCP",
    "trace.failures": "a failure is recorded on its span",
    "trace.context": "the W3C trace context of _meta is continued and passed on",
    "trace.no-values": "spans contain no values of arguments",
    "trace.off": "without OTEL_DENO nothing is loaded, and the context is passed on unchanged",
    "log.text": "a line has its level, message and fields",
    "log.json": "with JSON, each line is one object",
    "log.level": "events below the level are dropped",
    "audit.tool-errors": "a tool's own isError is marked in the line, and counted",
    "audit.follow": "audit tail -f prints new lines, across rotations, until it is ended",
    "log.silent": "over stdio without a terminal, only warnings and errors are logged by default",
    "log.unread": "a log that nobody reads blocks nothing; dropped lines are counted and reported",
    "log.colours": "colors are used only at a terminal without NO_COLOR",
    "log.no-forgery": "quoted text cannot forge a line or move the cursor",
    "log.client-noise":
      "invalid data of a client is logged in a bounded number of lines, without its text",
    "audit.escaped": "characters that are not printable are escapes in the audit log",
    "log.redacted": "secrets are redacted in the log",
    "audit.failing-disk":
      "a failing disk fails no call; failures are counted and reported once, and writing resumes",
    "audit.rotation": "the log is rotated by size, and five files are kept",
    "audit.shared": "several gateways share a log; no line is lost or torn",
    "audit.begun":
      "a call that may change something is in the log before it leaves the gateway, and at its end",
    "audit.required": "with GATEWAY_AUDIT_REQUIRED, a call without a record does not leave",
    "audit.refused":
      "what called no tool displaces no calls: refusals have their own files, and many of one agent in a minute are counted, exactly",
    "audit.keep": "GATEWAY_AUDIT_KEEP keeps full files for a number of days",
    "audit.killed": "answered operations are in the log, whenever the gateway is killed",
    "audit.args":
      "with GATEWAY_AUDIT_ARGS=redacted, arguments without secrets are logged, up to 4 KiB",
    "audit.redaction": "secrets are recognized by name and by form, in linear time",
    "audit.stats": "audit stats counts by agent, server and tool; denials by rule, errors by code",
    "audit.tail": "audit tail shows the last operations",
    "audit.stream": "an audit log of any size is read in bounded memory",
    "audit.damaged": "damaged lines are skipped and counted",
    "reload.edits": "a file is watched however it is edited: in place, renamed, linked, deleted",
    "reload.polling": "folders that cannot be watched are polled",
    "reload.debounce": "a file is read when the editor is done, and within a second in any case",
    "reload.start": "a change between reading and watching the files is detected",
    "reload.stop": "a watch that was stopped leaves nothing running",
    "reload.untouched": "servers whose entries have not changed keep processes and sessions",
    "reload.description": "a new description is shown, and its server keeps running",
    "reload.drain": "changed and removed servers end after their calls",
    "reload.new-servers": "a new server can be called, and is started early unless lazy",
    "reload.revoked": "a revoked permission is denied to the next operation",
    "reload.in-flight": "a call ends under the rules and servers with which it began",
    "reload.bad-file": "an invalid file changes nothing; log and status have all its errors",
    "reload.status": "the status has the attempts, successes and errors of each file",
    "reload.warnings": "warnings about a changed file are reported",
    "reload.sighup": "SIGHUP reads both files again, and counts as an attempt for both",
    "reload.load":
      "edits under load lose no call, leak no process, and take effect within a second",
  },
  "12 The command": {
    "cli.help": "--help names every flag and its variable",
    "cli.version": "--version prints the version",
    "cli.usage-errors": "a wrong command line exits 2 with nothing on stdout",
    "cli.config-errors": "an invalid configuration exits 1 with nothing on stdout",
    "cli.flags": "flags work with and without serve, and before variables",
    "cli.startup-summary": "the startup summary of the Python version is on stderr",
    "cli.log-level": "the log has the events of its level",
    "cli.log-format": "the log is text or JSON",
    "cli.validate": "validate reports all errors and warnings with positions; --strict, --json",
    "cli.validate-file": "validate FILE checks one file or both, recognized by their content",
    "cli.doctor-remote":
      "each failure of a remote server is reported with a distinct cause, and a fix that works",
    "cli.near-names": "for a mistyped command, server, tool or agent, similar names are suggested",
    "cli.pasted":
      "a command that a message names works as it is pasted into a shell, whatever the server's name",
    "cli.only-agent": "if the rules have one agent, it need not be named",
    "cli.terminal": "at a terminal, a start without arguments explains what the command waits for",
    "cli.doctor-local":
      "doctor reports a launcher's missing registry, package, program or runtime with a distinct cause",
    "cli.doctor-download": "init and doctor wait for downloads of packages, three at a time",
    "cli.offered": "explain and doctor know the resources and prompts of servers, too",
    "cli.doctor":
      "doctor starts the servers, reports cause and fix of each failure, and leaves nothing behind",
    "cli.explain": "explain shows the decision, its rule and the steps, or tables; exit 0 or 3",
    "cli.unmatched-rules":
      "entries of the rules that match no server or no tool are reported, with similar names",
    "cli.tools": "tools shows what an agent sees, through the pipeline of an agent's calls",
    "cli.call": "call calls a tool through the pipeline of an agent's calls; exit 1 if it fails",
    "cli.savings":
      "savings compares token counts without and with the gateway, by a real tokenizer",
    "cli.schema": "schema prints the JSON Schema of either file",
    "cli.completions": "completions has commands, flags, servers and agents, in four shells",
    "cli.tables": "tables fit the terminal and cannot move the cursor",
    "cli.json": "control characters are escapes in the JSON that commands print",
    "cli.no-color": "colors are used only at a terminal without NO_COLOR",
    "cli.closed-pipe": "a closed pipe is not a failure",
    "cli.token": "token shows a token once, and adds its hash to an otherwise unchanged rules file",
    "config.search-order":
      "files are searched by flag, variable, the user's own folder, the working folder, config/; " +
      "if the user's own folder has one of them, the working folder is not searched",
    "config.trust":
      "files of the working folder are used only after `trust`, and a change needs it again",
    "config.writable":
      "a file or folder that every user can write, or that is another user's, causes a warning",
    "config.announced": "ignored files and files of the working folder are logged",
    "config.missing-explained":
      "without a file, the message lists the searched paths and how to create one",
    "config.unreadable-explained": "an unreadable file is reported",
    "config.tilde": "~ is the home folder",
    "settings.defaults": "flags and variables have defaults",
    "settings.unknown-variables": "unknown GATEWAY_* variables cause a warning",
    "settings.twins": "each flag has a variable; the flag takes precedence",
    "settings.empty":
      "GATEWAY_AGENT, _RULES, _MCP_CONFIG, _METRICS_TOKEN and _ALLOWED_HOSTS must not be empty",
    "settings.booleans": "1, true and yes are true; 0, false and no are false",
    "settings.bad-value-named": "an invalid value is reported with its flag or variable",
    "permissions.flags":
      "permissions prints the narrowest flags: programs, hosts, variables, paths",
    "permissions.message": "a command that lacks a permission names the flag that adds it",
    "permissions.blanks": "a blank in a path or a command never makes two flags of one",
    "permissions.notes": "notes say where the flags are wider than their names",
    "permissions.narrow": "the gateway serves, and ends, with exactly the printed flags",
    "permissions.reload":
      "a server that needs more permissions after a reload is unavailable, with the reason",
    "compile.command": "compile builds the executable from the bundle with one command line",
    "compile.permissions":
      "the executable has the explicit permissions of start; no FFI, no import",
    "compile.no-runtime": "without the base runtime, compile fails",
    "compile.locked": "compile --locked uses the permissions of the current configuration",
    "compile.release": "a release has executables for five platforms, with checksums",
    "install.whole-bundle": "the bundle contains every module that it imports",
    "install.command": "the installed command needs neither Deno on PATH nor the clone",
    "install.shipped": "the end-to-end job passes with every shipped form, outside the clone",
    "install.npm": "the npm package runs on its own Deno, and passes stdio, signals and exit codes",
    "install.registry": "server.json for the MCP registry names the npm package",
    "start.early":
      "functions that a start of the bundle calls are compiled eagerly, and cached by Deno",
    "start.chunks-file": "the npm package's start reads no code that it does not need",
    "start.good-files":
      "a start with two valid files does not load the code that reports their errors",
    "start.lazy-built-ins": "a start of the bundle loads no unused built-in module of Node",
  },
};
