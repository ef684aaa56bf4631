/**
 * `src/policy/` decides from what it is given alone: the same question has the same answer, always.
 * So does `src/wildcards/`, which it matches names with.
 *
 * The linter skips what follows a hole in an array pattern (`[, x = here]`) and what follows a stray
 * `;`. The formatter removes the latter, and the former is a place where nobody calls `fetch` by mistake.
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

/** What policy may run, besides its own files; of anything else it may know the types. */
const PURE_FILES: ReadonlySet<string> = new Set(["errors.ts", "wildcards/mod.ts"]);

/** The folders that this holds for. */
const PURE_FOLDERS: readonly string[] = ["policy/", "wildcards/"];

const HINT = "Pass what is needed in as a value; there is no I/O, no clock and no chance here.";

export const purePolicy: Deno.lint.Rule = {
  create(context) {
    const from = sourcePath(context.filename);
    const folder = PURE_FOLDERS.find((name) => from?.startsWith(name));
    if (from === undefined || folder === undefined) return {};

    // A shorthand property is visited twice, as key and as value.
    const seen = new Set<number>();
    function report(node: Deno.lint.Node, message: string): void {
      if (seen.has(node.range[0])) return;
      seen.add(node.range[0]);
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

/** Whether an identifier only names a member (`x.Date`, `{ Date: 1 }`), and so uses no global. */
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

/** Whether this `Math` is anything but the `Math` of `Math.floor` and the like. */
function mayBeRandom({ parent }: Deno.lint.Identifier): boolean {
  return parent.type !== "MemberExpression" || parent.computed ||
    parent.property.type !== "Identifier" || parent.property.name === "random";
}

function isAt(node: Deno.lint.Node, range: Deno.lint.Range): boolean {
  return node.range[0] === range[0] && node.range[1] === range[1];
}
