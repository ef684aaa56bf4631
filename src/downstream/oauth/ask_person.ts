import { isRecord } from "../handshake.ts";
import type { Waiting } from "../authorization.ts";
import { takesLinks } from "../calls_waiting.ts";

/** How somebody was asked to log in. */
export type Asked = "client" | "browser" | "nobody" | "declined";

/** What somebody is asked, and how. */
export interface Question {
  /** Name of the server that needs the login. */
  readonly server: string;
  /** Where to log in. */
  readonly url: string;
  /** The call that waits for it. */
  readonly waiting: Waiting;
  /** Opens a link in the browser, and says whether that worked. */
  readonly openBrowser: (url: string) => Promise<boolean>;
  /** Names the question, so that its end can be told. */
  readonly id: string;
  /** The login is over, one way or the other. */
  readonly signal: AbortSignal;
}

/**
 * Asks somebody to log in: through the client where it can show links, else in the browser.
 *
 * @param question What to ask.
 * @returns How; `declined` where the person does not want to, `nobody` where there is no way.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-mode-elicitation-requests}
 */
export async function askPerson(question: Question): Promise<Asked> {
  const { waiting, url, openBrowser } = question;
  if (takesLinks(waiting)) {
    const answer = await askClient(question);
    if (answer !== undefined) return answer;
  }
  return await openBrowser(url) ? "browser" : "nobody";
}

async function askClient(
  { waiting, server, url, id, signal }: Question,
): Promise<"client" | "declined" | undefined> {
  const params = {
    mode: "url",
    elicitationId: id,
    url,
    message: `The server "${server}" needs you to log in at ${new URL(url).host}. ` +
      "Open the link and follow it; the call goes on by itself.",
  };
  const reply = await waiting.link.request("elicitation/create", params, signal);
  // A client that says no to the request itself has not asked anybody.
  if (!reply.ok) return undefined;
  const { value } = reply.result;
  return isRecord(value) && value.action === "accept" ? "client" : "declined";
}

/** Tells the client that the login is done. */
export function tellDone(waiting: Waiting, id: string): void {
  waiting.link.notify("notifications/elicitation/complete", { elicitationId: id });
}
