/** The statuses of redirects. */
export const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Limit of redirects that are followed for one request. */
export const MAX_REDIRECTS = 5;

/** Whether a redirect of this status repeats the request with its method, instead of turning it into a GET. */
export function keepsMethod(method: string | undefined, status: number): boolean {
  return method === undefined || method === "GET" || status === 307 || status === 308;
}

/** Returns the media type of a response, without its parameters. */
export function mediaTypeOf({ headers }: Response): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether a body is an HTML page. */
export function isHtmlPage(body: string): boolean {
  return /^\s*(<!--[^]{0,2000}?-->\s*)?<(!doctype|html|head|body|h\d)\b/i.test(body);
}
