/** Finds the imports of a file, in every form. */

/** One dependency of the linted file on another. */
export interface Import {
  readonly node: Deno.lint.Node;
  readonly specifier: string;
  /** Whether the import is erased before the program runs. */
  readonly typeOnly: boolean;
}

/** Returns the text of a string literal; undefined for other nodes. */
export function readLiteral(node: Deno.lint.Node): string | undefined {
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

/** Returns a visitor that calls `visit` for each import, re-export, `import()` and `import("x").T`. */
export function visitImports(visit: (dependency: Import) => void): Deno.lint.LintVisitor {
  function report(node: Deno.lint.Node, source: Deno.lint.Node, typeOnly: boolean): void {
    const specifier = readLiteral(source);
    if (specifier !== undefined) visit({ node, specifier, typeOnly });
  }

  return {
    ImportDeclaration(node) {
      report(node, node.source, node.importKind === "type" || everyNameIsType(node));
    },
    ExportNamedDeclaration(node) {
      if (node.source !== null) report(node, node.source, node.exportKind === "type");
    },
    ExportAllDeclaration(node) {
      report(node, node.source, node.exportKind === "type");
    },
    ImportExpression(node) {
      report(node, node.source, false);
    },
    TSImportType(node) {
      if (node.argument.type === "TSLiteralType") report(node, node.argument.literal, true);
    },
    TSExternalModuleReference(node) {
      report(node, node.expression, false);
    },
  };
}

function everyNameIsType(node: Deno.lint.ImportDeclaration): boolean {
  return node.specifiers.length > 0 &&
    node.specifiers.every((specifier) =>
      specifier.type === "ImportSpecifier" && specifier.importKind === "type"
    );
}
