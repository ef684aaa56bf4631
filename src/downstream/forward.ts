import type { Forwarded } from "../config/mod.ts";
import { type IncomingRequest, type Payload, RPC_CODES } from "../jsonrpc/mod.ts";
import type { ClientChannel } from "./caller.ts";
import type { ActiveCalls } from "./active_calls.ts";
import { isRecord } from "./handshake.ts";

/** The route of a server's requests and notifications. */
export interface Forwarding {
  /** The server's name, which is shown to people beside its messages. */
  readonly server: string;
  /** Requests that are forwarded to the client. */
  readonly forward: readonly Forwarded[];
  /** The client; `undefined` if none is known. */
  readonly link: ClientChannel | undefined;
  /** The calls under way on the session. */
  readonly calls: ActiveCalls;
}

/**
 * Time for a client to answer `roots/list` after the end of the call, in milliseconds. A server asks for
 * the roots once per session, right after the handshake, when a call may be active by chance; clients
 * answer automatically, within milliseconds.
 */
const ROOTS_GRACE_MS = 2000;

const METHODS: Readonly<Record<string, Forwarded>> = {
  "elicitation/create": "elicitation",
  "roots/list": "roots",
  "sampling/createMessage": "sampling",
};

/**
 * Answers a request of a server: a ping directly, a forwarded request through the client.
 *
 * @param request The request.
 * @param forwarding The route of the request.
 */
export function forwardRequest(request: IncomingRequest, forwarding: Forwarding): void {
  if (request.method === "ping") return request.reply({});
  const { link } = forwarding;
  const needed = Object.hasOwn(METHODS, request.method) ? METHODS[request.method] : undefined;
  if (needed === undefined || !forwarding.forward.includes(needed)) {
    return request.failUnknownMethod();
  }
  if (link === undefined) {
    const message = `No client is there to answer ${request.method}`;
    return request.fail({ code: RPC_CODES.internalError, message });
  }
  const params = requestParams(request, forwarding.server);
  const graceMs = needed === "roots" ? ROOTS_GRACE_MS : 0;
  const forwarded = forwarding.calls.ask(request.signal, graceMs);
  link.request({ method: request.method, params, signal: forwarded.signal }).then(
    (reply) => reply.ok ? request.reply(reply.result.text) : request.fail(reply.text),
    () => {
      const message = forwarded.signal.aborted
        ? `The call that ${request.method} belongs to has ended`
        : `The client did not answer ${request.method}`;
      request.fail({ code: RPC_CODES.internalError, message });
    },
  ).finally(() => forwarded.close());
}

/** Adds the server's name to an elicitation: people must know which server they answer. */
function requestParams(request: IncomingRequest, server: string): Payload | undefined {
  const { params } = request;
  if (request.method !== "elicitation/create" || !isRecord(params)) return request.paramText();
  return { ...params, message: `[${server}] ${String(params.message ?? "")}` };
}

/**
 * Forwards a notification of a server to the client if clients have a use for it.
 *
 * @param notification The notification.
 * @param forwarding The route of the notification.
 */
export function forwardNotification(
  { method, params }: { readonly method: string; readonly params: unknown },
  { server, link }: Pick<Forwarding, "server" | "link">,
): void {
  if (link === undefined || !isRecord(params)) return;
  if (method === "notifications/message") {
    const logger = typeof params.logger === "string" ? `${server}/${params.logger}` : server;
    link.notify(method, { ...params, logger });
  } else if (method === "notifications/elicitation/complete") link.notify(method, params);
}
