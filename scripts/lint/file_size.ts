/** A file of `src/` is read in one sitting. */

import { sourcePath } from "./layers.ts";

const MAX_LINES = 400;

export const fileSize: Deno.lint.Rule = {
  create(context) {
    if (sourcePath(context.filename) === undefined) return {};
    return {
      Program(node) {
        const lines = context.sourceCode.text.replace(/\n$/, "").split("\n").length;
        if (lines <= MAX_LINES) return;
        context.report({
          node,
          message: `${lines} lines; a file of src/ has at most ${MAX_LINES}`,
          hint: "Find the second thing in this file, and give it its own.",
        });
      },
    };
  },
};
