import { RESERVED_META, withoutReserved } from "../../../reserved_meta.ts";
import { STATELESS_REVISION } from "../../../revisions.ts";
import type { Meta } from "../../../trace.ts";
import type { ClientCapabilities } from "../../caller.ts";

/** The members of `_meta` that a request may have besides those of all requests. */
export interface MetaOptions {
  /** The token of the request's progress. */
  readonly progressToken?: number;
  /** The least severity of the log messages during the request; `undefined` for none. */
  readonly logLevel?: string | undefined;
  /** Fields that the client sent. */
  readonly meta?: Meta | undefined;
}

/**
 * Writes the `_meta` of requests. It makes each request complete in itself, because there are no sessions.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic}
 */
export class RequestMeta {
  readonly #claim: string;

  /**
   * Prepares the members that all requests have.
   *
   * @param declared The capabilities that are declared to the server.
   * @param version The gateway's version.
   */
  constructor(declared: ClientCapabilities, version: string) {
    const claim = {
      [RESERVED_META.protocolVersion]: STATELESS_REVISION,
      [RESERVED_META.clientInfo]: { name: "agent-mcp-gateway", version },
      [RESERVED_META.clientCapabilities]: {
        ...declared,
        // A server cannot be notified of changed roots.
        ...(declared.roots !== undefined && { roots: {} }),
      },
    };
    this.#claim = JSON.stringify(claim).slice(0, -1);
  }

  /** Returns the value of `_meta`, as JSON. */
  write({ progressToken, logLevel, meta }: MetaOptions = {}): string {
    const level = logLevel === undefined
      ? ""
      : `,"${RESERVED_META.logLevel}":${JSON.stringify(logLevel)}`;
    const token = progressToken === undefined ? "" : `,"progressToken":${progressToken}`;
    return `${this.#claim}${level}${token}${metaMembers(meta)}}`;
  }
}

/** Returns the fields that pass from client to server, as members of an object. */
function metaMembers(meta: Meta | undefined): string {
  if (meta === undefined) return "";
  const others = Object.entries(withoutReserved(meta)).filter(([key, value]) =>
    value !== undefined && key !== "progressToken"
  );
  return others.map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`).join("");
}
