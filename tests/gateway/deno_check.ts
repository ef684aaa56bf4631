import { fileURLToPath } from "node:url";

/**
 * Checks TypeScript programs by one run of `deno check`, each as a module of its own.
 *
 * @returns The errors; empty if there are none.
 */
export async function checkTypes(programs: readonly string[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "declarations_" });
  try {
    const files = await Promise.all(programs.map(async (program, index) => {
      const file = `${folder}/${index}.ts`;
      await Deno.writeTextFile(file, `${program}\nexport {};\n`);
      return file;
    }));
    const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--no-lock", "--config", config, ...files],
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const errors = new TextDecoder().decode(stderr);
    return success ? "" : errors || "The check failed.";
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
