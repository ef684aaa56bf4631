import { mediaType } from "../http_answers.ts";

/** Whether an answer is a stream of events. */
export function isStream(response: Response): boolean {
  return mediaType(response) === "text/event-stream";
}

/** What the SDK is told of an answer: whose session it is, and that it has the form it looks for. */
export function headersForSdk({ headers }: Response, type: string): Headers {
  const kept = new Headers({ "content-type": type });
  const session = headers.get("mcp-session-id");
  if (session !== null) kept.set("mcp-session-id", session);
  return kept;
}
