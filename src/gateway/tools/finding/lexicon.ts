import { ACTIONS } from "./action_concepts.ts";
import { THINGS } from "./thing_concepts.ts";

/**
 * The words and phrases that mean the same in the names and descriptions of tools, from general knowledge of the
 * field. A line is a concept, whose words find each other. In a line with `>`, the words on the left find those on
 * the right, but not the other way round.
 */
export const CONCEPTS: readonly string[] = [ACTIONS, THINGS].flatMap((text) =>
  text.trim().split("\n")
);
