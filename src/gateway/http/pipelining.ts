import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** The parser of a connection, which Node's server attaches to the socket. */
interface RequestParser {
  /** Handles a request whose headers have been parsed; returns whether the parser reads its body. */
  onIncoming(request: IncomingMessage, shouldKeepAlive: boolean): number;
}

/** The result of `onIncoming` with which the parser reads nothing more of the received bytes. */
const STOP = 2;

/**
 * Closes a connection at the first request beyond a limit, and stops its parser. Otherwise the parser would go on to
 * the end of the received bytes, which may contain two thousand requests.
 *
 * @param countRequest Counts a request; returns whether it is within the limit.
 */
export function limitPipelining(socket: Socket, countRequest: () => boolean): void {
  const { parser } = socket as Socket & { readonly parser?: RequestParser };
  // Servers of older versions of Deno have no parser, and read a request when the one before it is answered.
  if (parser === undefined) return;
  const onIncoming = parser.onIncoming;
  parser.onIncoming = (request, shouldKeepAlive) => {
    if (countRequest()) return onIncoming(request, shouldKeepAlive);
    socket.destroy();
    return STOP;
  };
}
