import type { ConfigProblem } from "../errors.ts";
import type { Document, Path } from "./document.ts";
import { entriesOf, objectAt } from "./json_value.ts";

/** Maximum number of agents that the warning names. */
const MAX_NAMES = 5;

/**
 * Warns of agents in shadow mode, whose rules are not enforced. There is one warning for all of them, because
 * there may be thousands.
 */
export function warnShadowMode(document: Document): ConfigProblem[] {
  const { value } = document;
  const { mode: defaultMode } = objectAt(value, "defaults");
  const shadowedAgents = entriesOf(objectAt(value, "agents"))
    .map(([id, agent]) => ({ id, mode: objectAt(agent)["mode"] }))
    .filter(({ mode = defaultMode }) => mode === "shadow");
  const [first] = shadowedAgents;
  if (first === undefined) return [];
  const path: Path = defaultMode === "shadow" ? ["defaults", "mode"] : ["agents", first.id, "mode"];
  const names = shadowedAgents.slice(0, MAX_NAMES).map(({ id }) => JSON.stringify(id)).join(", ");
  const more = shadowedAgents.length > MAX_NAMES
    ? ` and ${shadowedAgents.length - MAX_NAMES} more`
    : "";
  const subject = shadowedAgents.length === 1 ? `agent ${names} is` : `agents ${names}${more} are`;
  const message =
    `${subject} in shadow mode: what the rules do not allow is let through, and only ` +
    'recorded; to enforce the rules, set "mode" to "enforce"';
  return [document.createProblem(path, message)];
}
