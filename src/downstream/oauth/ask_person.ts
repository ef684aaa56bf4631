import { isRecord } from "../handshake.ts";
import type { PendingCaller } from "../authorization.ts";
import { supportsUrlElicitation } from "../caller.ts";

/** How the person was asked to log in; `nobody` if no one could be asked. */
export type Asked = "client" | "browser" | "nobody" | "declined";

/** A request to a person to log in. */
export interface LoginQuestion {
  /** Name of the server that needs the login. */
  readonly server: string;
  /** The login page. */
  readonly url: string;
  /** The call that waits for the login. */
  readonly waiting: PendingCaller;
  /** Opens a link in the browser; resolves to whether that worked. */
  readonly openBrowser: (url: string) => Promise<boolean>;
  /** Id of the elicitation, which its completion refers to. */
  readonly id: string;
  /** Aborted when the login ends. */
  readonly signal: AbortSignal;
}

/**
 * Asks a person to log in: through the client if it can show links, otherwise in the browser.
 *
 * @returns How the person was asked: `declined` if they refused, `nobody` if no one could be
 * asked.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-mode-elicitation-requests}
 */
export async function askPerson(question: LoginQuestion): Promise<Asked> {
  const { waiting, url, openBrowser } = question;
  if (supportsUrlElicitation(waiting)) {
    const answer = await askClient(question);
    if (answer !== undefined) return answer;
  }
  return await openBrowser(url) ? "browser" : "nobody";
}

async function askClient(
  { waiting, server, url, id, signal }: LoginQuestion,
): Promise<"client" | "declined" | undefined> {
  const params = {
    mode: "url",
    elicitationId: id,
    url,
    message: `The server "${server}" needs you to log in at ${new URL(url).host}. ` +
      "Open the link and log in; the call then continues automatically.",
  };
  const reply = await waiting.link.request({ method: "elicitation/create", params, signal });
  // A client that rejects the request itself has not asked anyone.
  if (!reply.ok) return undefined;
  const { value } = reply.result;
  return isRecord(value) && value.action === "accept" ? "client" : "declined";
}

/** Notifies the client that the login is complete. */
export function tellDone(waiting: PendingCaller, id: string): void {
  waiting.link.notify("notifications/elicitation/complete", { elicitationId: id });
}
