import type { Log } from "../../log.ts";

/** The reason for refusing a request, if the HTTP status alone does not show it. */
export type RefusalReason =
  | "no_token"
  | "invalid_token"
  | "unknown_agent"
  | "too_many_logins"
  | "host"
  | "origin"
  | "metrics"
  | "connections"
  | "headers";

const LOGIN_REASONS: ReadonlySet<string> = new Set<RefusalReason>([
  "no_token",
  "invalid_token",
  "unknown_agent",
  "too_many_logins",
]);

/** Options of the records of refused requests. */
export interface HttpRefusalsOptions {
  /** Adds a refusal to the log of refusals. */
  readonly record: (refusal: RecordedRefusal) => void;
  /** Receives a warning about failed logins. */
  readonly log: Log;
}

/** A refusal for the log of refusals. */
export interface RecordedRefusal {
  /** The client's IP address. */
  readonly address: string;
  /** `login` if the credential is the reason. */
  readonly operation: "login" | "http";
  /** The reason in capitals, or `HTTP_` and the status. */
  readonly code: string;
}

/** A refused request. */
export interface RefusedRequest {
  /** The client's IP address. */
  readonly address: string;
  /** The HTTP status: from 400 to 499, or 503 for a request beyond its agent's share of the connections. */
  readonly status: number;
  /** Absent if the status alone shows it. */
  readonly reason?: RefusalReason | undefined;
}

/** Minimum time between two warnings about an address, in milliseconds. */
const WARNING_MS = 60_000;

/** Maximum number of addresses whose last warning is remembered; the oldest are forgotten first. */
const MAX_ADDRESSES = 4096;

/** The failed logins of an address since its last warning. */
interface FailedLogins {
  warnedAt: number;
  count: number;
}

/** Records refused HTTP requests: in the log of refusals, in the metrics, and failed logins in the log. */
export class HttpRefusals {
  readonly #options: HttpRefusalsOptions;
  readonly #counts = new Map<string, number>();
  readonly #failures = new Map<string, FailedLogins>();

  /** Creates an empty record. */
  constructor(options: HttpRefusalsOptions) {
    this.#options = options;
  }

  /** Records a refused request. */
  add({ address, status, reason }: RefusedRequest): void {
    const label = `status="${status}",reason="${reason ?? "request"}"`;
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1);
    const isLogin = reason !== undefined && LOGIN_REASONS.has(reason);
    this.#options.record({
      address,
      operation: isLogin ? "login" : "http",
      code: reason?.toUpperCase() ?? `HTTP_${status}`,
    });
    if (isLogin) this.#warn(address, reason);
  }

  /** Returns the numbers of refused requests in the text format of Prometheus. */
  write(): string {
    const name = "mcp_gateway_http_refused_total";
    const lines = [...this.#counts].map(([label, count]) => `${name}{${label}} ${count}\n`);
    return `# HELP ${name} Refused HTTP requests.\n# TYPE ${name} counter\n${lines.join("")}`;
  }

  #warn(address: string, reason: string): void {
    const now = performance.now();
    const failures = this.#failures.get(address) ?? { warnedAt: -Infinity, count: 0 };
    failures.count++;
    this.#failures.set(address, failures);
    if (now - failures.warnedAt < WARNING_MS) return;
    this.#options.log.warn("Logins from an address failed", {
      address,
      reason,
      count: failures.count,
    });
    failures.warnedAt = now;
    failures.count = 0;
    if (this.#failures.size <= MAX_ADDRESSES) return;
    const [oldest = ""] = this.#failures.keys();
    this.#failures.delete(oldest);
  }
}
