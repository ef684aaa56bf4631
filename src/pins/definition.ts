import { canonicalJson } from "../canonical_json.ts";
import { readJson } from "../exact_json.ts";
import { isRecord } from "../json.ts";

/** The members of a definition that a pin leaves out: they say nothing about what an item does. */
const LEFT_OUT_KEYS = new Set(["_meta", "icons"]);

/** A definition as it is pinned. */
export interface CanonicalDefinition {
  /** The canonical JSON, without `_meta` and icons. */
  readonly json: string;
}

/** The reason why a definition cannot be pinned. */
export interface Unpinnable {
  /** The reason, as a clause about "it". */
  readonly failure: string;
}

/**
 * Returns the canonical form of a definition.
 *
 * @param json The definition as the server wrote it: clients see this text, so a duplicate key would hide one of its
 * values from the pin.
 */
export function canonicalDefinition(json: string): CanonicalDefinition | Unpinnable {
  const parsedJson = readJson(json);
  if (parsedJson === undefined) return { failure: "its definition has too many values" };
  const { value, hasDuplicateKeys } = parsedJson;
  if (hasDuplicateKeys) return { failure: "its definition has a key twice" };
  if (!isRecord(value)) return { failure: "its definition is not an object" };
  const pinnedMembers: Record<string, unknown> = Object.create(null);
  for (const [key, member] of Object.entries(value)) {
    if (!LEFT_OUT_KEYS.has(key)) pinnedMembers[key] = member;
  }
  try {
    return { json: canonicalJson(pinnedMembers) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { failure: `its definition has no canonical form: ${error.message}` };
  }
}
