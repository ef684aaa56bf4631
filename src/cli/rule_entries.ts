import { EFFECTS, type Grants, type Rules } from "../config/mod.ts";
import { formatPath } from "../json.ts";

/** An entry of the rules. */
export interface RuleEntry {
  /** Its path, such as `agents.backend.deny.tools.postgres[0]`. */
  readonly path: string;
  /** The entry as JSON text. */
  readonly text: string;
}

/** Lists all entries of the rules that can decide, in the order of agents and effects. */
export function listEntries({ agents }: Rules): RuleEntry[] {
  return [...agents].flatMap(([agent, rules]) =>
    EFFECTS.flatMap((effect) => {
      const { servers = [], ...lists }: Grants = rules[effect] ?? {};
      const path = ["agents", agent, effect];
      const entriesAt = (
        list: readonly (string | { readonly tool: string })[],
        listPath: readonly string[],
      ): RuleEntry[] => {
        return list.map((entry, index) => {
          const isConditional = typeof entry !== "string";
          const name = JSON.stringify(isConditional ? entry.tool : entry);
          return {
            path: formatPath([...listPath, index]),
            text: isConditional ? `${name} under conditions` : name,
          };
        });
      };
      return [
        ...entriesAt(servers, [...path, "servers"]),
        ...(["tools", "resources", "prompts"] as const).flatMap((key) => {
          return [...lists[key] ?? []].flatMap(([server, list]) =>
            entriesAt(list, [...path, key, server])
          );
        }),
      ];
    })
  );
}
