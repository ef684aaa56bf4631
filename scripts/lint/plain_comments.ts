/** Requires comments to begin with their subject. */

/** First words of a clause without a subject. */
const HEADLESS = /^(?:Who|Whoever|Whom|Whose|What|Whatever|Where|Wherever|Of)\b/;

export const plainComments: Deno.lint.Rule = {
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const message = findFault(commentText(comment.value));
          if (message !== undefined) context.report({ range: comment.range, message });
        }
      },
    };
  },
};

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
  const [mend] = /\b[Mm]end(?:s|ed|ing)?\b/.exec(text) ?? [];
  return mend === undefined ? undefined : `"${mend}" is "fix" here`;
}
