import { type HttpConfig } from "../config/mod.ts";
import { formatPath } from "../json.ts";
import { type RemoteFailure, type RemoteProblem } from "../downstream/mod.ts";

/** Why a remote server cannot be used, and how to fix it. */
export interface RemoteFinding {
  readonly kind: RemoteFindingKind;
  readonly fix: string;
}

/** The kinds of failure of remote servers. */
export type RemoteFindingKind =
  | "refused"
  | "unknown-host"
  | "unreachable"
  | "no-answer"
  | "not-allowed"
  | "tls"
  | "credentials"
  | "wrong-address"
  | "not-mcp"
  | "server-error"
  | "busy";

interface FixContext {
  /** The host of the server, with the port. */
  readonly host: string;
  /** The host of the server, without the port. */
  readonly hostname: string;
  /** Path of the key `url` in the servers file. */
  readonly urlKey: string;
  /** Path of the key `headers` in the servers file. */
  readonly headersKey: string;
  readonly hasHeaders: boolean;
  readonly type: HttpConfig["kind"];
}

type Fix = readonly [kind: RemoteFindingKind, fix: (context: FixContext) => string];

const ENDPOINT = "see the server's documentation; the address often ends in /mcp or /sse";

const WRONG_ADDRESS = ({ urlKey }: FixContext): string => {
  return `Put the address of the server's MCP endpoint into ${urlKey}: ${ENDPOINT}`;
};

const RENEW_CERTIFICATE = ({ host, urlKey }: FixContext): string => {
  return `Ask the operator of ${host} to renew its certificate, or correct ${urlKey}`;
};

const FIXES_BY_PROBLEM: Readonly<Record<Exclude<RemoteProblem, "status">, Fix>> = {
  "refused": ["refused", ({ host, urlKey }) => `Start the server at ${host}, or correct ${urlKey}`],
  "unknown-host": ["unknown-host", ({ hostname, urlKey }) => {
    return `Correct the host in ${urlKey}; if "${hostname}" is right, connect this machine to the ` +
      "network or VPN that knows it";
  }],
  "unreachable": ["unreachable", ({ host, urlKey }) => {
    return `Connect this machine to the network or VPN of ${host}, or correct ${urlKey}`;
  }],
  "no-answer": ["no-answer", ({ host, urlKey }) => {
    return `Check that the server at ${host} is running and that no firewall blocks it, or ` +
      `correct ${urlKey}`;
  }],
  "proxy": ["unreachable", ({ hostname }) => {
    return "Correct HTTPS_PROXY or HTTP_PROXY in the gateway's environment, or add " +
      `${hostname} to NO_PROXY there`;
  }],
  "port-blocked": ["wrong-address", ({ urlKey }) => {
    return `Make the server listen on another port, and put that port into ${urlKey}: connections to this ` +
      "one are blocked, as in browsers";
  }],
  "no-http": ["wrong-address", ({ urlKey }) => {
    return `Correct the port in ${urlKey}; if the server uses TLS on that port, start the url with https:`;
  }],
  "closed": ["server-error", ({ host }) => {
    return `Look at the log of the server at ${host}, or of the proxy in front of it: it closed the ` +
      "connection instead of answering";
  }],
  "tls-expired": ["tls", RENEW_CERTIFICATE],
  "tls-not-yet-valid": ["tls", () => "Correct the clock of this machine"],
  "tls-name": ["tls", ({ urlKey }) => {
    return `Put the name that the certificate is for into ${urlKey}, or get a certificate for the name ` +
      "that is there now";
  }],
  "tls-unknown-issuer": ["tls", () => {
    return "Set NODE_EXTRA_CA_CERTS to a file with the certificate (PEM) of the authority that " +
      'signed it, where the gateway runs (for a desktop client: in "env" of the gateway\'s entry)';
  }],
  "tls-other": ["tls", RENEW_CERTIFICATE],
  "no-tls": ["tls", ({ urlKey }) => `Start ${urlKey} with http: instead of https:`],
  "no-permission": ["not-allowed", () => {
    return "Start the gateway with the flags that `agent-mcp-gateway permissions` prints";
  }],
  "redirect": ["wrong-address", ({ urlKey }) => {
    return `Put the address that it redirects to into ${urlKey}, if you trust that address`;
  }],
  "redirect-loop": ["wrong-address", ({ host, urlKey }) => {
    return `Correct ${urlKey}, or report this to the operator of ${host}: no address answers, each redirects`;
  }],
  "web-page": ["not-mcp", WRONG_ADDRESS],
  "not-mcp": ["not-mcp", (context) => {
    return `${WRONG_ADDRESS(context)}. If the address is right, report the answer to the authors ` +
      "of the server";
  }],
};

const CREDENTIALS: Fix = ["credentials", ({ headersKey, hasHeaders }) => {
  return hasHeaders
    ? `Correct the credentials in ${headersKey}: they are wrong, have expired or are not sufficient`
    : `Add the credentials that the server needs to ${headersKey}, such as ` +
      '{"Authorization": "Bearer ${KEY}"} with KEY set where the gateway runs';
}];

const NO_POST: Fix = ["wrong-address", (context) => {
  const sseHint = context.type === "http"
    ? '. If the server uses the older SSE transport, remove "type" from its entry'
    : "";
  return `${WRONG_ADDRESS(context)}; the present address accepts no messages${sseHint}`;
}];

const BAD_GATEWAY: Fix = ["server-error", ({ host }) => {
  return `Start the server behind ${host}, or report this to its operator: a proxy answered instead of it`;
}];

const BUSY: Fix = [
  "busy",
  () => "Wait and try again: the server is not accepting more requests now",
];

const FIXES_BY_STATUS: Readonly<Record<number, Fix>> = {
  401: CREDENTIALS,
  403: CREDENTIALS,
  404: ["wrong-address", WRONG_ADDRESS],
  405: NO_POST,
  407: ["credentials", () => {
    return "Put the user name and password of the proxy into HTTPS_PROXY or HTTP_PROXY, in the gateway's " +
      "environment";
  }],
  410: ["wrong-address", WRONG_ADDRESS],
  429: BUSY,
  501: NO_POST,
  502: BAD_GATEWAY,
  503: BUSY,
  504: BAD_GATEWAY,
};

const SERVER_ERROR: Fix = ["server-error", ({ host }) => {
  return `Look at the log of the server at ${host}, or report this to its operator: the error is in the server`;
}];

const OTHER_STATUS: Fix = ["not-mcp", ({ urlKey, headersKey }) => {
  return `Check ${urlKey} and ${headersKey}: the server refuses the initialize request`;
}];

/** Determines how to fix the problem of a remote server; `undefined` if the problem is not known. */
export function findRemoteCause(
  { problem, status = 0 }: Pick<RemoteFailure, "problem" | "status">,
  { name, connection: { kind: type, url, headers } }: {
    readonly name: string;
    readonly connection: HttpConfig;
  },
): RemoteFinding | undefined {
  if (problem === undefined) return undefined;
  const otherStatus = status >= 500 ? SERVER_ERROR : OTHER_STATUS;
  const [kind, fix] = problem === "status"
    ? FIXES_BY_STATUS[status] ?? otherStatus
    : FIXES_BY_PROBLEM[problem];
  const { host = "its address", hostname = "" } = URL.parse(url) ?? {};
  return {
    kind,
    fix: fix({
      host,
      hostname,
      urlKey: formatPath(["mcpServers", name, "url"]),
      headersKey: formatPath(["mcpServers", name, "headers"]),
      hasHeaders: Object.keys(headers).length > 0,
      type,
    }),
  };
}
