import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { executableName } from "../../scripts/compile.ts";
import { imageCommand } from "../../scripts/image_command.ts";
import { permissionFlags } from "../../scripts/permissions.ts";
import { type Form, FORMS, makeForm, type Words } from "../../scripts/shipped.ts";

/** The gateway's repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** `source`, a form that users get, `image` for the command of the container image, or a path. */
export type GatewayCommand = string;

/** Form of the program that the suite runs on: `GATEWAY_COMMAND`, or a copy of the bundle. */
export const GATEWAY_COMMAND: GatewayCommand = Deno.env.get("GATEWAY_COMMAND") || "bundle";

/** The command line that starts the gateway. */
export async function gatewayCommandLine(command: GatewayCommand): Promise<Words> {
  if (command === "source") {
    return [Deno.execPath(), "run", ...permissionFlags(), join(ROOT, "src/main.ts")];
  }
  const form = [...FORMS, "image" as const].find((form) => form === command);
  return form === undefined ? [command] : await buildCommandLine(form);
}

/**
 * Environment of a program in one of the forms, besides its home folder: an empty folder for Deno,
 * and no `deno` on the path.
 */
export function shippedEnvironment(command: GatewayCommand): Record<string, string> {
  if (command === "source") return {};
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const path = (Deno.env.get("PATH") ?? "").split(separator)
    .filter((folder) => !fileExists(join(folder, executableName("deno"))));
  return { DENO_DIR: join(SHIPPED_FOLDER, "deno"), PATH: path.join(separator) };
}

/** Folder of the built forms; `deno task test` creates one and removes it at the end. */
const SHIPPED_FOLDER = Deno.env.get("GATEWAY_SHIPPED") ||
  join(
    tmpdir(),
    `agent-mcp-gateway-${createHash("sha256").update(ROOT).digest("hex").slice(0, 8)}`,
  );

/**
 * Builds a form of the program, unless it exists and is newer than all its sources. Several test
 * processes may call this at once; the others wait for the first.
 */
async function buildCommandLine(form: Form | "image"): Promise<Words> {
  const folder = join(SHIPPED_FOLDER, form);
  Deno.mkdirSync(folder, { recursive: true });
  const words = join(folder, "words.json");
  // The executable and the image contain the same bundle; the task of the npm package builds its own.
  const isFromBundle = form === "executable" || form === "image";
  const bundle = isFromBundle ? (await buildCommandLine("bundle")).at(-1) : undefined;
  // All builds write to `dist`.
  using lock = Deno.openSync(join(SHIPPED_FOLDER, ".lock"), { create: true, write: true });
  await lock.lock(true);
  if (modifiedAtMs(words) <= Math.max(...listSources().map(modifiedAtMs))) {
    const made = form === "image"
      ? writeImageCommand(folder, bundle ?? "")
      : await makeForm(form, folder, bundle);
    Deno.writeTextFileSync(words, JSON.stringify(made));
  }
  return JSON.parse(Deno.readTextFileSync(words));
}

/** Writes the command of the image, which runs the bundle with the `deno` beside it. */
function writeImageCommand(folder: string, bundle: string): Words {
  const bin = join(folder, "bin");
  const command = join(bin, "agent-mcp-gateway");
  Deno.mkdirSync(bin, { recursive: true });
  if (!fileExists(join(bin, "deno"))) Deno.symlinkSync(Deno.execPath(), join(bin, "deno"));
  Deno.writeTextFileSync(command, imageCommand(bundle), { mode: 0o755 });
  return ["env", `PATH=${bin}:${Deno.env.get("PATH")}`, command];
}

function fileExists(path: string): boolean {
  return modifiedAtMs(path) > 0;
}

function listSources(): string[] {
  const root = ["deno.json", "deno.lock"].map((name) => join(ROOT, name));
  return [
    ...root,
    ...["src", "config", "scripts"].flatMap((name) => [...listFiles(join(ROOT, name))]),
  ];
}

function* listFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* listFiles(join(folder, name));
    else yield join(folder, name);
  }
}

function modifiedAtMs(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** The gateway's version. */
export const VERSION: string = config.version;
