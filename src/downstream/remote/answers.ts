/** The statuses that send to another address. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The media type of an answer, without its parameters. */
export function mediaType({ headers }: Response): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether an answer is a stream of events. */
export function isStream(response: Response): boolean {
  return mediaType(response) === "text/event-stream";
}

/** Of the headers of an answer, those that the SDK reads. */
export function keptHeaders({ headers }: Response): Headers {
  const kept = new Headers();
  for (const name of ["content-type", "mcp-session-id"]) {
    const value = headers.get(name);
    if (value !== null) kept.set(name, value);
  }
  return kept;
}
