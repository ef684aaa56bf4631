import type { Section } from "../requirements.ts";

/** Sections 5 and 6 of the promises: rules and servers. */
export const RULES_AND_SERVERS: Readonly<Record<string, Section>> = {
  "5 Rules": {
    "rules.shape": "every key of a rules file is read",
    "rules.defaults": "absent keys have defaults",
    "rules.patterns": "patterns have * and ?, are anchored and case-sensitive",
    "rules.patterns-linear": "matching takes linear time for any pattern",
    "rules.matching-keys": "tool lists are keyed by name or pattern, and all matching ones apply",
    "rules.server-decision":
      "a server is denied by any deny, else allowed by any allow, else denied",
    "rules.five-steps": "a tool is decided by the five steps in order",
    "rules.server-grants-tools": "an allowed server allows its tools, except denied ones",
    "rules.deny-overrides": "deny_overrides puts every deny before every allow",
    "rules.rule-path": "rule is the path of the deciding entry, quoted where needed",
    "rules.tie-breaks": "ties are broken by exact key, longest key, code-point order, lowest index",
    "rules.ordinary-names": "names of built-in object properties are ordinary names",
    "rules.odd-names": "names of built-in object properties are ordinary in the rules file, too",
    "rules.resources": "resources are decided as tools are, by lists of URIs",
    "rules.prompts": "prompts are decided as tools are, by lists of names",
    "rules.uri-spellings":
      "a deny matches any spelling of a URI, an allow has to match every spelling",
    "rules.unknown-agent": "an agent that is not in the rules is denied everything",
    "rules.deny-never-widens": "adding a deny never allows more",
    "rules.order-independent": "decisions do not depend on the order of keys",
    "rules.error-denies": "an error during a decision denies, and only the log has its cause",
    "rules.explain-steps": "the steps before a decision can be shown",
    "rules.denial-fast": "a denial is fast with any number of rules",
    "rules.seed-example": "the example of the Python version decides as its guide says",
    "rules.comments": "the rules may contain comments",
    "rules.strict": "unknown keys and wrong types are errors with their path",
    "rules.unknown-server-warns": "a server that is not configured is a warning, the rule is kept",
    "rules.limits": "limits apply per agent and by default",
    "rules.limits-first": "every request counts towards the limits before it is judged",
    "rules.credentials": "credentials are token_sha256 with expiry, and auth.jwt",
    "rules.credentials-gone": "a running gateway stays closed after its last credential is gone",
    "rules.status": "status: true allows get_gateway_status over HTTP",
    "config.comments": "both files may contain comments",
    "config.strict-json": "a duplicate key is an error, and so is invalid JSON",
    "config.trailing-commas": "trailing commas are accepted in both files, and edits keep them",
    "config.all-errors-at-once": "all errors of both files are reported at once",
    "config.error-position": "each error has file, line, column and path",
    "config.did-you-mean": "an unknown key or name comes with the nearest known one",
    "config.no-secrets-in-errors": "errors quote no secrets",
    "config.other-clients": "keys and values of other clients are reported with their replacement",
    "config.odd-names": "names with invisible characters cause a warning",
    "config.json-schema":
      "the JSON Schemas describe every key, and refuse the same files as the gateway",
    "config.never-crashes": "no file, however broken, causes a crash",
    "config.reload": "loading again gives an equal configuration",
    "config.example": "the example files are valid",
  },
  "6 Servers": {
    "servers.download": "a start that takes too long does not end a download half-way",
    "servers.empty": "an empty mcpServers is valid",
    "servers.unknown-keys": "unknown keys are kept and ignored",
    "servers.file-order": "servers keep the file's order",
    "servers.odd-names": "variables and headers of any name are ordinary ones",
    "servers.stdio": "a stdio server has command, args, env, cwd",
    "servers.cwd": "the process runs in its cwd, or in the gateway's",
    "servers.start-failures": "each cause of a failed start has its own message",
    "servers.remote": "a remote server has url, headers, and type or transport",
    "servers.remote-fallback": "without a type, streamable HTTP is tried, then SSE",
    "servers.both-or-neither": "both or neither of command and url is an error",
    "servers.disabled": "a disabled server counts as not configured",
    "servers.switched-off":
      "a server that another client's key disables is disabled, with a warning",
    "servers.shown": "a server is shown as written, its url without secrets",
    "servers.gateway-strict": "unknown keys under gateway are errors",
    "servers.gateway-defaults": "the keys of the gateway block have their documented defaults",
    "servers.isolation": "shared, session, agent and call define who shares a session",
    "servers.idle-timeout": "an unused session is closed after idle_timeout_s",
    "servers.connect-timeout":
      "the start of a server that does not answer in connect_timeout_ms fails",
    "servers.call-timeout": "progress restarts call_timeout_ms, but not timeout_ms",
    "servers.max-call": "every call ends at max_call_ms",
    "servers.max-concurrency":
      "max_concurrency limits the calls in flight; further ones are queued",
    "servers.forward": "forward defines which requests reach the client",
    "servers.oauth": "the oauth block configures the login",
    "servers.sandbox":
      "a server in a sandbox sees its folder and the paths of its entry, and no network unless asked",
    "servers.sandbox-folder":
      "a server in a sandbox cannot have a working folder with files of the gateway",
    "servers.sandbox-link":
      "a named path of a server in a sandbox does not lead out of its folder through a link",
    "servers.sandbox-missing": "a missing sandbox makes the server unavailable, with a fix",
    "servers.direct-start":
      "a program that npx or uvx has in its cache, named with its exact version, gets the same arguments, folder and " +
      "variables without the launcher",
    "servers.direct-start-doubt":
      "the launcher runs whenever it might run another program: local and global packages, settings, incomplete or " +
      "changeable installations",
    "servers.direct-start-process":
      "a direct start leaves out the launcher's process, fails as it fails, and can be switched off",
    "servers.inherit-env": "inherit_env adds variables of the gateway",
    "servers.safe-environment": "a process gets only the safe set and its own env",
    "servers.expansion": "${VAR}, ${VAR:-default}, ${env:VAR} and folders are expanded, $${ is not",
    "servers.home": "a leading ~ of command and cwd is the home folder",
    "servers.expansion-everywhere": "variables are expanded in every string of the known keys",
    "servers.unset-variable": "an unset variable disables only that server, and is named",
    "servers.fingerprint": "equal entries are recognized without storing a secret",
    "servers.self-reference": "an entry that starts this gateway again is skipped with a warning",
    "nesting.intended": "a gateway with other files can be a server of a gateway",
    "nesting.depth": "a loop of gateways ends at depth 3",
  },
};
