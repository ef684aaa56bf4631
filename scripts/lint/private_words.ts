/** Requires standard terms as names, so that a reader can guess their meaning. */

/** Words that are not standard terms, in lower case, and the terms to write instead. */
const TERMS: ReadonlyMap<string, string> = new Map([
  ["way", "transport"],
  ["tickets", "pending requests"],
  ["place", "position, path, slot or session"],
  ["roster", "SwapRemoveSet"],
  ["outlet", "ResponseWriter"],
  ["surroundings", "context"],
  ["trouble", "error or cause"],
  ["patience", "grace periods"],
  ["mend", "fix"],
  ["owe", "throttle"],
  ["tell", "notify, send or report"],
  ["told", "received, logged or reported"],
  ["visitor", "client"],
  ["newcomer", "CallRequest"],
]);

export const privateWords: Deno.lint.Rule = {
  create(context) {
    return {
      Identifier(node) {
        const term = TERMS.get(node.name.toLowerCase());
        if (term === undefined) return;
        context.report({ node, message: `"${node.name}" is a private word; write ${term}` });
      },
    };
  },
};
