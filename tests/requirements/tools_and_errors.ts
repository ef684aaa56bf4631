import type { Section } from "../requirements.ts";

/** Sections 2 to 4 of the promises: the tools, errors, and who is calling. */
export const TOOLS_AND_ERRORS: Readonly<Record<string, Section>> = {
  "2 The tools": {
    "tools.list": "tools/list returns the three tools with the arguments of the contract",
    "tools.list-debug": "in debug mode there is also get_gateway_status",
    "tools.token-budget": "the three definitions cost at most 400 tokens",
    "tools.annotations": "tools have annotations, with readOnlyHint on the discovery tools",
    "tools.always-load": "_meta asks clients to always show the tools",
    "tools.instructions": "the gateway's instructions say in two sentences how to use the tools",
    "tools.instructions-servers":
      "the instructions begin with the servers of the connection's agent",
    "tools.titles":
      "each tool has a title; execute_tool explains its arguments and which tool to call before it",
    "tools.max-result-size":
      "execute_tool asks Claude Code for results of up to 500,000 characters",
    "tools.one-text-block": "own answers are one text block of compact JSON, without schemas",
    "tools.null-absent": "null for an optional argument means absent",
    "tools.unknown-arguments": "unknown arguments are refused by name",
    "tools.wrong-types": "arguments of the wrong type are refused by name",
    "tools.out-of-range": "numbers out of range are refused by name",
    "tools.servers-shape": "list_servers returns name and description",
    "tools.servers-order": "list_servers keeps the file's order",
    "tools.servers-allowed": "list_servers returns every server that the agent may use",
    "tools.servers-structured": "list_servers also answers {servers}, as structured content",
    "tools.servers-failing": "list_servers returns failing servers, too",
    "tools.servers-disabled":
      "a disabled server is not listed, and a call says that it is disabled",
    "tools.servers-metadata": "metadata adds transport and command or url, unexpanded",
    "tools.servers-no-secrets":
      "list_servers shows no args, env, headers, userinfo, query or fragment",
    "tools.listing-shape": "get_server_tools answers in the shape of the contract",
    "tools.listing-allowed": "get_server_tools returns only tools that the agent may call",
    "tools.listing-counts":
      "total_available counts the tools that the agent may call, returned those in the answer",
    "tools.listing-filters": "names and pattern filter the tools, and can be combined",
    "tools.listing-hint": "an unknown name is reported, with similar ones that may be called",
    "tools.listing-fields": "full definitions keep every field that the server gave",
    "tools.listing-pages": "all pages of the server's tools/list are followed",
    "tools.tokens-used-15-percent": "tokens_used is within 15 % of o200k_base",
    "tools.listing-budget": "with a budget, tools are taken in order, and the rest is in omitted",
    "tools.long-list": "an answer of get_server_tools has a maximum length",
    "tools.signatures": "detail signatures gives name, signature and description",
    "tools.signature-of-schema": "a signature is a TypeScript-like line made from the schema",
    "tools.signatures-60-percent": "signatures are at least 60 % cheaper than full definitions",
    "tools.names-detail": "detail names returns names alone",
    "tools.default-detail":
      "the default detail is full, or signatures with a hint above 4,000 tokens",
    "tools.execute-unchanged": "results are forwarded as equal JSON values, with unknown fields",
    "tools.execute-meta": "fields of the call's _meta reach the server",
    "tools.args-object": "args reach the server unchanged",
    "tools.args-string": "args may be a JSON string that contains an object",
    "tools.args-absent": "absent args and null mean {}; arguments is an alias of args",
    "tools.args-duplicate":
      "args with a duplicate key are refused, because servers may read either",
    "tools.args-invalid": "other args are refused, never replaced by {}",
    "tools.timeout-ms": "timeout_ms ends the call",
    "tools.rpc-error": "a JSON-RPC error is an isError result with message, code and data",
    "tools.invalid-params-schema": "-32602 is answered with the tool's input schema",
    "tools.missing-args":
      "a call that certainly lacks a required argument is refused with the schema",
    "tools.uncertain-args": "a call that a lenient server may accept is never refused for its args",
    "tools.misfit-args": "the error of a call whose args do not fit the schema includes the schema",
    "tools.url-elicitation":
      "-32042 reaches a client that declared URL elicitation, with the server's name in its messages",
    "tools.task": "a tool that must run as a task is run as one, and awaited",
    "tools.status": "get_gateway_status answers in the format of the Python version",
    "tools.status-metrics": "the status has the metrics summary of section 8",
    "tools.status-http": "over HTTP the status is only for agents with status: true",
  },
  "3 Errors": {
    "errors.shape":
      "a refusal is an isError result with one text block that has code, message and details",
    "errors.retryable":
      "each refusal says whether the same request may succeed later; a call that a server may have carried out may only be made again if its tool is read-only or idempotent, and its hint says so",
    "errors.denied": "a denial is DENIED_BY_POLICY with the rule",
    "errors.denied-hides": "a denial is the same whether or not the server exists",
    "errors.near-servers": "similar names are suggested among the servers that the agent may use",
    "errors.not-configured": "a server that is not configured is SERVER_UNAVAILABLE",
    "errors.unavailable": "SERVER_UNAVAILABLE says which server and why",
    "errors.crashed": "calls in progress when a server crashes are SERVER_UNAVAILABLE",
    "errors.unreachable": "an unreachable server is SERVER_UNAVAILABLE, with a plain message",
    "errors.stderr-quoted": "the last lines of stderr are quoted, 20 lines and 2 KB at most",
    "errors.no-secrets": "secrets in messages are removed, and the home folder is ~",
    "errors.auth-required": "a server that needs a login is AUTH_REQUIRED with url and command",
    "errors.tool-not-found":
      "an unknown tool is TOOL_NOT_FOUND with up to three similar names that may be called",
    "errors.asked-afresh": "for an unknown tool, the list is requested once more",
    "errors.timeout": "a call that takes too long is TIMEOUT, and is cancelled at the server",
    "errors.invalid-arguments": "invalid arguments of a gateway tool are INVALID_ARGUMENTS",
    "errors.rate-limited": "a call above a limit is RATE_LIMITED with retry_after_ms",
    "errors.no-insides": "answers contain no stack traces and no file paths",
    "errors.no-agent-names": "answers contain no names of other agents",
  },
  "4 Who is calling": {
    "identity.agent-ids": "agent ids have 1 to 128 letters, digits, -, _ or .",
    "identity.empty": "an empty agent id counts as missing",
    "identity.given": "agent_id names an agent of the rules",
    "identity.malformed": "a malformed id is INVALID_AGENT_ID",
    "identity.unknown-agent": "an unknown agent is allowed nothing, whatever the defaults say",
    "identity.missing-denied": "with deny_on_missing_agent, a missing id is INVALID_AGENT_ID",
    "identity.deny-by-default": "deny_on_missing_agent is true by default",
    "identity.fallback":
      "without deny_on_missing_agent, the agent is GATEWAY_DEFAULT_AGENT, else the one named default",
    "identity.no-fallback": "without any fallback, a call is NO_FALLBACK_CONFIGURED",
    "identity.fallback-not-in-rules": "a fallback that is not in the rules is refused",
    "identity.bound": "--agent and GATEWAY_AGENT bind the process to one agent",
    "identity.no-other-names": "no refusal names another agent",
    "identity.credential": "over HTTP the credential binds the agent",
  },
};
