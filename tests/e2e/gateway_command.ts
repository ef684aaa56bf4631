import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { executableName } from "../../scripts/compile.ts";
import { imageCommand } from "../../scripts/image_command.ts";
import { permissionFlags } from "../../scripts/permissions.ts";
import {
  buildForm,
  type CommandLine,
  SHIPPED_FORMS,
  type ShippedForm,
} from "../../scripts/shipped.ts";
import { isFile } from "../../src/file_identity.ts";

/** Root folder of the gateway's repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** A form of the gateway to run: `source`, `bundle`, `npm`, `executable` or `image` (the container's command); or a path. */
export type GatewayCommand = string;

/** The program that the suite runs: the value of `GATEWAY_COMMAND`, or a copy of the bundle. */
export const GATEWAY_COMMAND: GatewayCommand = Deno.env.get("GATEWAY_COMMAND") || "bundle";

/** Returns the command line that starts the gateway, and builds the program first if necessary. */
export async function gatewayCommandLine(command: GatewayCommand): Promise<CommandLine> {
  if (command === "source") {
    return [Deno.execPath(), "run", ...permissionFlags(), join(ROOT, "src/main.ts")];
  }
  const form = [...SHIPPED_FORMS, "image" as const].find((form) => form === command);
  if (form === undefined) return [command];
  const commandLine = commandLines.get(form) ?? buildCommandLine(form);
  commandLines.set(form, commandLine);
  return await commandLine;
}

/** The command lines of the forms that this process has asked for. */
const commandLines = new Map<string, Promise<CommandLine>>();

/**
 * Environment variables that simulate a user's machine without Deno: an empty `DENO_DIR`, and a `PATH` without
 * `deno`. No variables for the source, which needs Deno.
 */
export function environmentWithoutDeno(command: GatewayCommand): Record<string, string> {
  if (command === "source") return {};
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const path = (Deno.env.get("PATH") ?? "").split(separator)
    .filter((folder) => !isFile(join(folder, executableName("deno"))));
  return { DENO_DIR: join(SHIPPED_FOLDER, "deno"), PATH: path.join(separator) };
}

/** Folder of the built programs; `deno task test` creates one and removes it at the end. */
const SHIPPED_FOLDER = Deno.env.get("GATEWAY_SHIPPED") ||
  join(
    tmpdir(),
    `agent-mcp-gateway-${createHash("sha256").update(ROOT).digest("hex").slice(0, 8)}`,
  );

/**
 * Builds a form of the program, unless it exists and is newer than all its sources, and returns its
 * command line. If several test processes call this at once, the first builds and the others wait.
 */
async function buildCommandLine(form: ShippedForm | "image"): Promise<CommandLine> {
  const folder = join(SHIPPED_FOLDER, form);
  Deno.mkdirSync(folder, { recursive: true });
  const commandLineFile = join(folder, "words.json");
  // The executable and the image are made from the bundle; the npm package builds a bundle itself.
  const isFromBundle = form === "executable" || form === "image";
  const bundle = isFromBundle ? (await buildCommandLine("bundle")).at(-1) : undefined;
  // Builds write to the same `dist` folder, so only one may run at a time.
  using lock = Deno.openSync(join(SHIPPED_FOLDER, ".lock"), { create: true, write: true });
  await lock.lock(true);
  if (modifiedAtMs(commandLineFile) <= Math.max(...listSources().map(modifiedAtMs))) {
    const commandLine = form === "image"
      ? writeImageCommand(folder, bundle ?? "")
      : await buildForm(form, folder, bundle);
    Deno.writeTextFileSync(commandLineFile, JSON.stringify(commandLine));
  }
  return JSON.parse(Deno.readTextFileSync(commandLineFile));
}

/** Writes the command of the container image, which runs the bundle with the `deno` on its `PATH`. */
function writeImageCommand(folder: string, bundle: string): CommandLine {
  const bin = join(folder, "bin");
  const command = join(bin, "agent-mcp-gateway");
  Deno.mkdirSync(bin, { recursive: true });
  if (!isFile(join(bin, "deno"))) Deno.symlinkSync(Deno.execPath(), join(bin, "deno"));
  Deno.writeTextFileSync(command, imageCommand(bundle), { mode: 0o755 });
  return ["env", `PATH=${bin}:${Deno.env.get("PATH")}`, command];
}

function listSources(): string[] {
  const rootFiles = ["deno.json", "deno.lock"].map((name) => join(ROOT, name));
  return [
    ...rootFiles,
    ...["src", "config", "scripts"].flatMap((name) => [...listFiles(join(ROOT, name))]),
  ];
}

function* listFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* listFiles(join(folder, name));
    else yield join(folder, name);
  }
}

/** Modification time of a file, in ms; 0 if there is no file. */
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
