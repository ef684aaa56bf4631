import { STATELESS_REVISION } from "../revisions.ts";
import type { CatalogHead } from "./remembered/mod.ts";
import { type ServerInfo, WrongRevision } from "./revisions/mod.ts";

/** Time for which a server's revision is remembered, in milliseconds: the server may be updated. */
const MAX_AGE_MS = 7 * 24 * 3_600_000;

/** The revision that a server was found to speak. */
export interface RevisionFinding {
  /** The revision. */
  readonly revision: string;
  /** The time when the server was probed, in milliseconds since 1970. */
  readonly probedAt: number;
}

/** Returns the summary of the catalog for a key of declared capabilities, if the catalog is remembered. */
type RecallHead = (capabilitiesKey: string) =>
  | Promise<Pick<CatalogHead, "info" | "probedAt"> | undefined>
  | undefined;

/** Returns the revision to assume for a connection; `undefined` if the server has to be probed. */
export type FindRevision = () =>
  | Promise<RevisionFinding | undefined>
  | RevisionFinding
  | undefined;

/** Remembers which revision a server speaks. */
export class KnownRevision {
  readonly #recallHead: RecallHead;
  #finding: RevisionFinding | undefined;
  #isForgotten = false;

  /** @param recallHead Returns what an earlier gateway has found out. */
  constructor(recallHead: RecallHead) {
    this.#recallHead = recallHead;
  }

  /** Returns the finding for sessions with a key of declared capabilities, unless it is too old. */
  async find(capabilitiesKey: string): Promise<RevisionFinding | undefined> {
    const { revision, probedAt } = this.#finding ?? await this.#recall(capabilitiesKey) ?? {};
    if (revision === undefined || probedAt === undefined) return undefined;
    const ageMs = Date.now() - probedAt;
    return ageMs >= 0 && ageMs < MAX_AGE_MS ? { revision, probedAt } : undefined;
  }

  /**
   * Opens a server, and opens it once more if it does not speak the revision that was assumed.
   *
   * @param capabilitiesKey Key of the capabilities that are declared to the server.
   * @param connect Connects to the server; called again with another revision to assume.
   */
  async open(
    capabilitiesKey: string,
    connect: (find: FindRevision) => Promise<ServerInfo>,
  ): Promise<ServerInfo> {
    let assumed: RevisionFinding | undefined;
    let info: ServerInfo;
    try {
      info = await connect(async () => assumed = await this.find(capabilitiesKey));
    } catch (cause) {
      if (!(cause instanceof WrongRevision)) throw cause;
      const { nextRevision: revision } = cause;
      assumed = revision === undefined ? undefined : { revision, probedAt: Date.now() };
      // This is remembered even if the next connection fails, too: then the server is not probed at each of its starts.
      this.#finding = assumed;
      this.#isForgotten = assumed === undefined;
      info = await connect(() => assumed).catch((secondCause) => {
        throw secondCause instanceof WrongRevision ? secondCause.cause : secondCause;
      });
    }
    const { revision } = info;
    const isConfirmed = assumed !== undefined && isStateless(assumed) === isStateless(info);
    const probedAt = isConfirmed ? assumed?.probedAt : undefined;
    this.#finding = { revision, probedAt: probedAt ?? Date.now() };
    return info;
  }

  /** Returns when the server was probed, if a session has found that out; milliseconds since 1970. */
  get probedAt(): number | undefined {
    return this.#finding?.probedAt;
  }

  async #recall(capabilitiesKey: string): Promise<Partial<RevisionFinding> | undefined> {
    if (this.#isForgotten) return undefined;
    const head = await this.#recallHead(capabilitiesKey);
    const revision = head?.info.revision;
    if (head?.probedAt === undefined || typeof revision !== "string") return undefined;
    return { revision, probedAt: head.probedAt };
  }
}

function isStateless({ revision }: Pick<ServerInfo, "revision">): boolean {
  return revision === STATELESS_REVISION;
}
