/** The media type of an answer, without its parameters. */
export function mediaType({ headers }: Response): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

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
