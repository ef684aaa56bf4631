import { type PrintedCondition, toPrintedCondition } from "./explain_decision.ts";
import type { RecordedAccess, RecordedOperation } from "./recorded_operation.ts";
import type { Redecision } from "./redecide.ts";

/** Operations of an agent that are decided alike, in the JSON that is printed. */
export interface ReplayGroup {
  readonly agent: string;
  /** The server; absent for the gateway's status. */
  readonly server?: string;
  readonly tool?: string;
  /** The URI of the resource. */
  readonly resource?: string;
  readonly prompt?: string;
  /** The decision in the log. */
  readonly from: RecordedOperation["effect"];
  /** The decision of the rules. */
  readonly to: Redecision["effect"];
  /** Path of the entry that decides. */
  readonly rule: string;
  /** The conditions behind the decision; absent if there are none. */
  readonly conditions?: readonly PrintedCondition[];
  /** The part of the operations that the log does not have, if the decision depends on it. */
  readonly missing?: NonNullable<Redecision["missing"]>;
  /** Number of operations. */
  readonly count: number;
  /** Times of the first and the last of them, as ISO 8601. */
  readonly first: string;
  readonly last: string;
}

/** The figures of a log that was decided again, in the JSON that is printed. */
export interface ReplayFigures {
  /** Number of operations about which rules have decided. */
  readonly operations: number;
  /** Number of operations that are decided as they were. */
  readonly unchanged: number;
  readonly changed: number;
  /** Number of operations whose decision depends on something that the log does not have. */
  readonly depending: number;
  /** Number of operations about which no rules have decided, such as refusals for limits. */
  readonly undecided: number;
  /** Number of unchanged operations for which nobody was asked, because their agent was in shadow mode. */
  readonly unasked: number;
  /** The operations that would be decided otherwise, the most frequent first. */
  readonly changes: readonly ReplayGroup[];
  /** The operations whose decision depends on something that the log does not have. */
  readonly depends: readonly ReplayGroup[];
}

/** Maximum number of groups, so that a log of any content takes bounded memory. */
const MAX_GROUPS = 10_000;

/** The agent of a group that counts operations beyond the maximum. */
const OTHER = "(others)";

interface Group {
  readonly fields: Omit<ReplayGroup, "count" | "first" | "last">;
  count: number;
  first: number;
  last: number;
}

/** Counts operations by their old and new decisions. */
export class ReplayTally {
  readonly #groups = new Map<string, Group>();
  #operations = 0;
  #unchanged = 0;
  #undecided = 0;
  #unasked = 0;

  /** Adds an operation about which no rules have decided. */
  addUndecided(): void {
    this.#undecided++;
  }

  /** Adds an operation and its new decision. */
  add(operation: RecordedOperation, redecision: Redecision): void {
    const { agent, access, effect: from, isUnasked, time } = operation;
    const { effect: to, rule, conditions, missing } = redecision;
    this.#operations++;
    if (from === to) {
      this.#unchanged++;
      if (isUnasked) this.#unasked++;
      return;
    }
    const printedConditions = conditions.map(toPrintedCondition);
    const fields = {
      agent,
      ...subjectOf(access),
      from,
      to,
      rule,
      ...(printedConditions.length > 0 && { conditions: printedConditions }),
      ...(missing !== undefined && { missing }),
    };
    const key = JSON.stringify(fields);
    const hasOwnGroup = this.#groups.size < MAX_GROUPS || this.#groups.has(key);
    const [groupKey, groupFields] = hasOwnGroup
      ? [key, fields]
      : [`${from} ${to}`, { agent: OTHER, from, to, rule: OTHER }];
    const group = this.#groups.get(groupKey);
    if (group === undefined) {
      this.#groups.set(groupKey, { fields: groupFields, count: 1, first: time, last: time });
      return;
    }
    group.count++;
    group.first = Math.min(group.first, time);
    group.last = Math.max(group.last, time);
  }

  /** The figures so far. */
  figures(): ReplayFigures {
    const groups = [...this.#groups.values()]
      .map(({ fields, count, first, last }): ReplayGroup => ({
        ...fields,
        count,
        first: new Date(first).toISOString(),
        last: new Date(last).toISOString(),
      }))
      .sort((one, two) => two.count - one.count);
    const depends = groups.filter(({ to }) => to === "depends");
    const changes = groups.filter(({ to }) => to !== "depends");
    return {
      operations: this.#operations,
      unchanged: this.#unchanged,
      changed: sumOf(changes),
      depending: sumOf(depends),
      undecided: this.#undecided,
      unasked: this.#unasked,
      changes,
      depends,
    };
  }
}

function sumOf(groups: readonly ReplayGroup[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

function subjectOf(
  access: RecordedAccess,
): Pick<ReplayGroup, "server" | "tool" | "resource" | "prompt"> {
  switch (access.kind) {
    case "status":
      return {};
    case "server":
      return { server: access.server };
    case "tool":
      return { server: access.server, tool: access.tool };
    case "resource":
      return { server: access.server, resource: access.uri };
    case "prompt":
      return { server: access.server, prompt: access.prompt };
  }
}
