import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { permissionFlags } from "../../scripts/permissions.ts";

/** The gateway's repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** `source`, `bundle`, or the path of an executable. */
export type GatewayCommand = string;

/** What the suite is run for: what `GATEWAY_COMMAND` says, or the source. */
export const GATEWAY_COMMAND: GatewayCommand = Deno.env.get("GATEWAY_COMMAND") || "source";

/** What the tests of the whole are run for: what `GATEWAY_COMMAND` says, or source and bundle. */
export const EVERY_COMMAND: readonly GatewayCommand[] = Deno.env.get("GATEWAY_COMMAND")
  ? [GATEWAY_COMMAND]
  : ["source", "bundle"];

/** The words that start the gateway, the program first. */
export async function commandWords(command: GatewayCommand): Promise<[string, ...string[]]> {
  const deno: [string, ...string[]] = [Deno.execPath(), "run", ...permissionFlags()];
  if (command === "source") return [...deno, join(ROOT, "src/main.ts")];
  if (command === "bundle") return [...deno, await makeBundle()];
  return [command];
}

/**
 * Makes the bundle as its task does, unless it is there and newer than all that goes into it.
 * Several test processes may ask at once: the others wait for the first.
 */
async function makeBundle(): Promise<string> {
  const bundle = join(ROOT, "dist/agent-mcp-gateway.js");
  Deno.mkdirSync(join(ROOT, "dist"), { recursive: true });
  using lock = Deno.openSync(join(ROOT, "dist/.bundle.lock"), { create: true, write: true });
  await lock.lock(true);
  if (changedAt(bundle) > Math.max(...inputs().map(changedAt))) return bundle;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "bundle"],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) throw new Error(`The bundle was not made: ${new TextDecoder().decode(stderr)}`);
  return bundle;
}

function inputs(): string[] {
  const root = ["deno.json", "deno.lock"].map((name) => join(ROOT, name));
  return [
    ...root,
    ...["src", "config", "scripts"].flatMap((name) => [...filesBelow(join(ROOT, name))]),
  ];
}

function* filesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesBelow(join(folder, name));
    else yield join(folder, name);
  }
}

function changedAt(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** The version that the gateway says it has. */
export const VERSION: string = config.version;
