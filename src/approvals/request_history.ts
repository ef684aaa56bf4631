import type { CallToApprove } from "./call_to_approve.ts";

/** Maximum number of requests that are remembered. */
const MAX_REQUESTS = 1000;

/** A request for which a call of this process waited. */
export interface PastRequest extends Omit<CallToApprove, "args"> {
  /** The request's id. */
  readonly id: string;
  /** When the request expires, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Its end, as far as this process knows: its call was made, or will not be made. */
  readonly end?: "used" | "withdrawn" | undefined;
}

/** Remembers the requests for which calls of this process waited, and how they ended. */
export class RequestHistory {
  readonly #requests = new Map<string, PastRequest>();

  /** Remembers a request, or its end. If there are too many, the oldest is forgotten. */
  note(request: PastRequest): void {
    const { id } = request;
    const end = request.end ?? this.#requests.get(id)?.end;
    this.#requests.delete(id);
    this.#requests.set(id, { ...request, end });
    if (this.#requests.size <= MAX_REQUESTS) return;
    for (const oldest of this.#requests.keys().take(1)) this.#requests.delete(oldest);
  }

  /** Returns the requests of an agent whose ids begin with a text. */
  find(agent: string, idStart: string): PastRequest[] {
    return this.#requests.values()
      .filter((request) => request.agent === agent && request.id.startsWith(idStart)).toArray();
  }
}
