/**
 * Forbids contractions in error messages, and a period after a message of one sentence, because another
 * message may include that message after a colon.
 */

import { literalText } from "./literal_text.ts";

export const errorStyle: Deno.lint.Rule = {
  create(context) {
    return {
      NewExpression(node) {
        if (node.callee.type !== "Identifier" || !node.callee.name.endsWith("Error")) return;
        for (const argument of node.arguments) {
          const text = literalText(argument);
          if (text === undefined) continue;
          const fault = findFault(text);
          if (fault !== undefined) context.report({ node: argument, message: fault });
        }
      },
    };
  },
};

function findFault(text: string): string | undefined {
  // A text of one word is an error code.
  if (!text.includes(" ")) return undefined;
  if (/[^.]\.$/.test(text) && !/[.;?!]\s/.test(text)) {
    return "an error message of one sentence ends without a period";
  }
  const [contraction] = /\b\w+n't\b|\b(?:it|that|there)'s\b/i.exec(text) ?? [];
  if (contraction !== undefined) return `an error message has no contraction: "${contraction}"`;
  return undefined;
}
