/** Requires standard terms as names, so that a reader can guess their meaning. */

/** Names that were private words of this project, and the terms that replaced them. */
const TERMS: ReadonlyMap<string, string> = new Map([
  ["Way", "transport"],
  ["Tickets", "pending requests"],
  ["Place", "position, path, slot or session"],
  ["Roster", "SwapRemoveSet"],
  ["Visit", "RequestContext"],
  ["Outlet", "ResponseWriter"],
  ["Surroundings", "context"],
  ["Trouble", "error or cause"],
  ["Patience", "GracePeriods"],
  ["mend", "fix"],
  ["owe", "throttle"],
  ["tell", "notify, send or report"],
  ["told", "received, logged or reported"],
  ["Told", "message"],
  ["Visitor", "client"],
  ["Newcomer", "CallRequest"],
]);

export const privateWords: Deno.lint.Rule = {
  create(context) {
    return {
      Identifier(node) {
        const term = TERMS.get(node.name);
        if (term === undefined) return;
        context.report({ node, message: `"${node.name}" is a private word; write ${term}` });
      },
    };
  },
};
