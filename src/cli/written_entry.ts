import type { ArgumentTest, ConditionalEntry } from "../tool_entry.ts";

/** Returns an entry with conditions as it is written in a rules file. */
export function toWrittenEntry(
  { tool, hint, when }: ConditionalEntry,
): Readonly<Record<string, unknown>> {
  const tests = [...when ?? []].map(([name, test]) => [name, toWrittenTest(test)] as const);
  return {
    tool,
    ...(when !== undefined && { when: Object.fromEntries(tests) }),
    ...(hint !== undefined && { hint }),
  };
}

function toWrittenTest(
  { oneOf: one_of, maxLength: max_length, like, ilike, within, host, ...test }: ArgumentTest,
): Readonly<Record<string, unknown>> {
  const lists = Object.entries({ like, ilike, within, host }).flatMap(([key, list]) => {
    return list === undefined ? [] : [[key, list.length === 1 ? list[0] : list]];
  });
  return {
    ...test,
    ...Object.fromEntries(lists),
    ...(one_of !== undefined && { one_of }),
    ...(max_length !== undefined && { max_length }),
  };
}
