import type { HostMessage } from "./host_program.ts";

/**
 * Removes the types from TypeScript code; line numbers stay the same. The package is loaded at the first use.
 *
 * @returns A message with the code, or with the JSON-RPC error that says why it is neither JavaScript nor TypeScript.
 */
export async function stripTypes(code: string): Promise<HostMessage> {
  const { transform } = await import("sucrase");
  try {
    const { code: text } = transform(code, {
      transforms: ["typescript"],
      disableESTransforms: true,
      keepUnusedImports: true,
    });
    return ["stripped", text];
  } catch (error) {
    const { message, loc } = error as Error & { readonly loc?: { line: number; column: number } };
    const text = message.replace(/^Error transforming sucrase: /, "").replace(/ \(\d+:\d+\)$/, "");
    const data = { kind: "syntax", line: loc?.line, column: loc?.column };
    return ["unstripped", JSON.stringify({ code: -32000, message: `SyntaxError: ${text}`, data })];
  }
}
