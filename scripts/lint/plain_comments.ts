/** Requires comments and test titles to begin with their subject, and forbids two unclear expressions. */

import { literalText } from "./literal_text.ts";

/** First words of a clause without a subject. */
const HEADLESS = /^(?:Who|Whoever|Whom|Whose|What|Whatever|Where|Wherever|How|Of)\b/;

/** First words of a test's title without a subject, after the ids of its requirements. */
const HEADLESS_TITLE =
  /(?<=^(?:\[[\w.-]+\] )*)(?:who|whoever|whom|whose|what|whatever|where|wherever)\b/;

export const plainComments: Deno.lint.Rule = {
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const message = findFault(commentText(comment.value));
          if (message !== undefined) context.report({ range: comment.range, message });
        }
      },
      CallExpression(node) {
        const [title] = node.arguments;
        if (title === undefined || !isTest(node.callee)) return;
        const [headless] = HEADLESS_TITLE.exec(literalText(title) ?? "") ?? [];
        if (headless === undefined) return;
        const message = `a title begins with "${headless}"; begin with the noun or the subject`;
        context.report({ node: title, message });
      },
    };
  },
};

/** Whether a function is `Deno.test` or the `step` of a test. */
function isTest(callee: Deno.lint.Expression): boolean {
  if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return false;
  const { object, property: { name } } = callee;
  return object.type === "Identifier" &&
    (name === "step" || object.name === "Deno" && name === "test");
}

function commentText(value: string): string {
  return value.replaceAll(/^\s*\*+/gm, "").trim();
}

function findFault(text: string): string | undefined {
  const [first = ""] = /^[^\n]*(?:\n(?!\s*\n)[^\n]*)*/.exec(text) ?? [];
  const [headless] = HEADLESS.exec(first) ?? [];
  if (headless !== undefined && !first.includes("?")) {
    return `a comment begins with "${headless}"; begin with the noun or the subject`;
  }
  if (/\bSee there\b/.test(text)) return '"See there" says nothing; leave the tag out';
  const [word] = /\b[Mm]end(?:s|ed|ing)?\b/.exec(text) ?? [];
  return word === undefined ? undefined : `"${word}" is "fix" here`;
}
