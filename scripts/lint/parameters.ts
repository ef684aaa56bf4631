/** Limits functions to two required parameters, so that a call shows the meaning of each argument. */

import { sourcePath } from "./layers.ts";

const MAX_REQUIRED = 2;

type Parameter = Deno.lint.Parameter | Deno.lint.TSParameterProperty;

/** Checks exported functions and the methods of exported classes, but not constructors. */
export const parameters: Deno.lint.Rule = {
  create(context) {
    if (sourcePath(context.filename) === undefined) return {};
    const check = (node: Deno.lint.Node, params: readonly Parameter[]): void => {
      const required = params.filter(isRequired).length;
      if (required <= MAX_REQUIRED) return;
      context.report({
        node,
        message:
          `${required} required parameters; an exported function has at most ${MAX_REQUIRED}`,
        hint: "Replace the last ones with an options object.",
      });
    };
    return {
      "ExportNamedDeclaration > FunctionDeclaration"(node: Deno.lint.FunctionDeclaration) {
        check(node, node.params);
      },
      "ExportNamedDeclaration > ClassDeclaration > ClassBody > MethodDefinition"(
        node: Deno.lint.MethodDefinition,
      ) {
        // Constructors are not checked: an error takes its code, its server and its message.
        if (node.key.type === "PrivateIdentifier" || node.kind === "constructor") return;
        check(node, node.value.params);
      },
    };
  },
};

function isRequired(parameter: Parameter): boolean {
  if (parameter.type === "AssignmentPattern" || parameter.type === "RestElement") return false;
  return !("optional" in parameter && parameter.optional);
}
