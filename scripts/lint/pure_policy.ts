/**
 * Requires `src/policy/` and `src/wildcards/` to be pure: results depend only on the arguments.
 *
 * Deno's linter skips code after a hole in an array pattern, as in `[, x = here]`; an impure call is
 * unlikely there. The linter also skips code after a stray `;`, which the formatter removes.
 */

import { dirname, join } from "node:path/posix";
import { sourcePath } from "./layers.ts";
import { visitImports } from "./imports.ts";

const IMPURE_NAMES: ReadonlySet<string> = new Set([
  "Deno",
  "process",
  "globalThis",
  "self",
  "window",
  "navigator",
  "fetch",
  "WebSocket",
  "Worker",
  "BroadcastChannel",
  "localStorage",
  "sessionStorage",
  "caches",
  "setTimeout",
  "setInterval",
  "queueMicrotask",
  "Date",
  "Temporal",
  "performance",
  "crypto",
  "console",
  "alert",
  "confirm",
  "prompt",
  "eval",
]);

/** The files that pure folders may import besides their own. From other files, they may import only types. */
const PURE_FILES: ReadonlySet<string> = new Set([
  "absolute_path.ts",
  "agent_id.ts",
  "argument_pointer.ts",
  "decimal.ts",
  "errors.ts",
  "exact_json.ts",
  "host_name.ts",
  "json.ts",
  "own_server.ts",
  "text.ts",
  "wildcards/mod.ts",
]);

/** The folders that must be pure. */
const PURE_FOLDERS: readonly string[] = ["policy/", "wildcards/"];

const HINT =
  "This folder has no I/O, no clock and no randomness: pass what it needs in as arguments.";

export const purePolicy: Deno.lint.Rule = {
  create(context) {
    const from = sourcePath(context.filename);
    const folder = PURE_FOLDERS.find((name) => from?.startsWith(name));
    if (from === undefined || folder === undefined) return {};

    // A shorthand property is visited twice, as key and as value, but reported once.
    const reportedOffsets = new Set<number>();
    function report(node: Deno.lint.Node, message: string): void {
      if (reportedOffsets.has(node.range[0])) return;
      reportedOffsets.add(node.range[0]);
      context.report({ node, message, hint: HINT });
    }

    return {
      Identifier(node) {
        if (isMemberName(node)) return;
        if (IMPURE_NAMES.has(node.name)) report(node, `${folder} must not use ${node.name}`);
        if (node.name === "Math" && mayBeRandom(node)) {
          report(node, `${folder} must not use Math.random`);
        }
      },
      ...visitImports(({ node, specifier, typeOnly }) => {
        if (typeOnly) return;
        if (!specifier.startsWith(".")) {
          report(node, `${folder} must not import ${specifier}: a package can do I/O unseen`);
          return;
        }
        const target = join(dirname(from), specifier);
        if (target.startsWith(folder) || PURE_FILES.has(target)) return;
        report(node, `${folder} may import only types from src/${target}: write \`import type\``);
      }),
    };
  },
};

/** Whether an identifier only names a member (`x.Date`, `{ Date: 1 }`) and is not a global. */
function isMemberName({ parent, range }: Deno.lint.Identifier): boolean {
  switch (parent.type) {
    case "MemberExpression":
      return !parent.computed && isAt(parent.property, range);
    case "TSQualifiedName":
      return isAt(parent.right, range);
    case "Property":
      return !parent.computed && !parent.shorthand && isAt(parent.key, range);
    case "PropertyDefinition":
    case "MethodDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return !parent.computed && isAt(parent.key, range);
    default:
      return false;
  }
}

/** Whether a use of `Math` may be random; `Math.floor` and the like are not. */
function mayBeRandom({ parent }: Deno.lint.Identifier): boolean {
  return parent.type !== "MemberExpression" || parent.computed ||
    parent.property.type !== "Identifier" || parent.property.name === "random";
}

function isAt(node: Deno.lint.Node, range: Deno.lint.Range): boolean {
  return node.range[0] === range[0] && node.range[1] === range[1];
}
