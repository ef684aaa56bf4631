import type { Configuration, Rules } from "../config/mod.ts";
import { compileRules } from "../gateway/mod.ts";
import {
  compilePattern,
  type DecidingCondition,
  type Decision,
  type ListedTool,
  type Policy,
} from "../policy/mod.ts";
import { readRecordedArguments } from "./recorded_arguments.ts";
import type { RecordedOperation } from "./recorded_operation.ts";
import type { RememberedCatalogs } from "./remembered_catalogs.ts";
import { listServerEntries } from "./rule_entries.ts";

/** Maximum number of tools whose arguments in conditions are cached. */
const MAX_TOOLS = 10_000;

/** The decision of other rules about an operation. */
export interface Redecision {
  /** "depends" if the log does not have what the rules judge. */
  readonly effect: Decision["effect"];
  /** Path of the entry that decides, or of the first on which the decision depends. */
  readonly rule: string;
  /** The conditions behind the decision; those that it depends on. */
  readonly conditions: readonly DecidingCondition[];
  /** The part of the operation that the log does not have; absent if the decision does not depend on it. */
  readonly missing?: "arguments" | "annotations" | "name";
}

/** Decides about recorded operations by rules that may differ from those that were in force. */
export class Redecider {
  readonly #rules: Rules;
  readonly #policy: Policy;
  readonly #catalogs: RememberedCatalogs;
  readonly #argumentNames = new Map<string, ReadonlySet<string>>();

  /** @param catalogs Has the annotations of tools. */
  constructor(
    configuration: Pick<Configuration, "rules" | "servers">,
    catalogs: RememberedCatalogs,
  ) {
    this.#rules = configuration.rules;
    this.#policy = compileRules(configuration);
    this.#catalogs = catalogs;
  }

  /** Decides about an operation. The log may not have what the decision depends on; nothing is guessed then. */
  async decide(operation: RecordedOperation): Promise<Redecision> {
    const { agent, access, isNameCut, args, argsBytes } = operation;
    if (isNameCut) return this.#decideWithoutName(operation);
    const decision = this.#policy.decide(agent, access);
    if (decision.effect !== "depends" || access.kind !== "tool") return toRedecision(decision);
    const { server, tool } = access;
    const names = this.#argumentNamesOf(agent, { server, tool });
    const knownArgs = args === undefined ? undefined : readRecordedArguments(args, {
      names,
      ...(argsBytes !== undefined && { sentBytes: argsBytes }),
    });
    const listedTool = await this.#catalogs.findTool(server, tool);
    const redecision = toRedecision(this.#policy.decide(agent, {
      ...access,
      ...(knownArgs !== undefined && { args: () => knownArgs }),
      ...(listedTool !== undefined && { listed: (): ListedTool => listedTool }),
    }));
    if (redecision.effect !== "depends") return redecision;
    return {
      ...redecision,
      missing: knownArgs === undefined && names.size > 0 ? "arguments" : "annotations",
    };
  }

  /** Decides only if the decision does not depend on the name of the tool, resource or prompt. */
  #decideWithoutName({ agent, access }: RecordedOperation): Redecision {
    const { steps, ...decision } = this.#policy.explain(agent, access);
    const isAboutServer = /^(?:agent|server \w+)$/.test(steps.at(-1)?.name ?? "");
    const hasNoLists = steps.every(({ name, searched }) => {
      return searched.length === 0 || /^server /.test(name);
    });
    if (isAboutServer || hasNoLists) return toRedecision(decision);
    return { effect: "depends", rule: decision.rule, conditions: [], missing: "name" };
  }

  /** Returns the names of the arguments that conditions on a tool judge. */
  #argumentNamesOf(
    agent: string,
    { server, tool }: { readonly server: string; readonly tool: string },
  ): ReadonlySet<string> {
    const key = JSON.stringify([agent, server, tool]);
    const cached = this.#argumentNames.get(key);
    if (cached !== undefined) return cached;
    const names = listServerEntries(this.#rules, { agent, server, key: "tools" })
      .flatMap(({ entry }) => {
        if (typeof entry === "string" || !compilePattern(entry.tool).matches(tool)) return [];
        return [...entry.when?.keys() ?? []];
      });
    const unique = new Set(names);
    if (this.#argumentNames.size < MAX_TOOLS) this.#argumentNames.set(key, unique);
    return unique;
  }
}

function toRedecision({ effect, rule, conditions = [] }: Decision): Redecision {
  return { effect, rule, conditions };
}
