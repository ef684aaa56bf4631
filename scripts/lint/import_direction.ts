/** Requires imports in `src/` to point downward, and to enter a folder through its `mod.ts`. */

import { findImportFault, findLayer, sourcePath } from "./layers.ts";
import { readLiteral, visitImports } from "./imports.ts";

const HINT = "scripts/lint/layers.ts lists the layers; docs/developing.md has the picture.";

export const importDirection: Deno.lint.Rule = {
  create(context) {
    const from = sourcePath(context.filename);
    if (from === undefined) return {};

    return {
      Program(node) {
        if (findLayer(from) === undefined) {
          context.report({ node, message: `src/${from} has no layer`, hint: HINT });
        }
      },
      ...visitImports(({ node, specifier }) => {
        const fault = findImportFault(from, specifier);
        if (fault !== undefined) context.report({ node, message: fault, hint: HINT });
      }),
      "ImportExpression:exit"(node) {
        if (readLiteral(node.source) !== undefined) return;
        context.report({
          node,
          message: "import() of a computed name can be neither checked nor bundled",
          hint: 'Write the name out: import("./file.ts").',
        });
      },
    };
  },
};
