/** Requires names of files and folders in `snake_case`, without words that do not say what is inside. */

import { repositoryPath } from "./layers.ts";

/** Words that say nothing, and words that the glossary of docs/developing.md replaces. */
const AVOIDED_WORDS: ReadonlySet<string> = new Set([
  "util",
  "helper",
  "common",
  "core",
  "type",
  "manager",
  "upstream",
  "backend",
  "target",
]);

export const fileName: Deno.lint.Rule = {
  create(context) {
    const names = repositoryPath(context.filename).split("/");
    return {
      Program(node) {
        for (const name of names.filter((part) => !part.startsWith("."))) {
          const stem = name.split(".", 1)[0] ?? "";
          if (!/^[a-z0-9]+(_[a-z0-9]+)*$/.test(stem)) {
            context.report({ node, message: `${name} is not snake_case` });
          }
          const word = stem.toLowerCase().split(/[_-]/).find((part) =>
            AVOIDED_WORDS.has(part) || AVOIDED_WORDS.has(part.replace(/s$/, ""))
          );
          if (word === undefined) continue;
          context.report({
            node,
            message: `${name} is named "${word}", which does not say what is inside`,
            hint: "Name it after the one thing in it.",
          });
        }
      },
    };
  },
};
