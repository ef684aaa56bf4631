/** Limits the size of a file in `src/`. */

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
          hint: "Move one of its ideas to a separate file.",
        });
      },
    };
  },
};
