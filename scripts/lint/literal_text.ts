/**
 * Returns the text of a string literal, or of a template with `x` for each value; undefined for other nodes.
 */
export function literalText(
  node: Deno.lint.Expression | Deno.lint.SpreadElement,
): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type !== "TemplateLiteral") return undefined;
  return node.quasis.map(({ cooked }) => cooked).join("x");
}
