/**
 * Installs the real MCP servers that tests and the demo run: npm packages, pinned by the lock file
 * in `tests/servers/` and installed there on first use.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folders of the servers of `tests/servers/package.json`. */
const FOLDERS = {
  everything: "@modelcontextprotocol/server-everything",
  filesystem: "@modelcontextprotocol/server-filesystem",
  memory: "@modelcontextprotocol/server-memory",
  /** An earlier version, whose tools differ. */
  "memory-earlier": "memory-earlier",
};

/** A server of `tests/servers/package.json`. */
export type TestServer = keyof typeof FOLDERS;

const FOLDER = fileURLToPath(new URL("../tests/servers/", import.meta.url));

/**
 * Installs the servers, unless they have been installed from the current lock file. If several processes
 * call this function at once, one installs the servers and the others wait.
 *
 * @param folder The folder with `package.json` and `package-lock.json`.
 * @throws {Error} npm cannot be started or fails.
 */
export async function ensureServers(folder: string = FOLDER): Promise<void> {
  const lockHash = hashLock(folder);
  if (readInstalledHash(folder) === lockHash) return;

  // The operating system releases this lock if the process ends.
  using lock = await Deno.open(join(folder, ".install.lock"), { create: true, write: true });
  await lock.lock(true);
  if (readInstalledHash(folder) === lockHash) return;

  await installPackages(folder);
  // npm creates no folder if there are no packages.
  Deno.mkdirSync(join(folder, "node_modules"), { recursive: true });
  Deno.writeTextFileSync(installedHashPath(folder), lockHash);
}

/**
 * Finds the program of an installed server, to be run as `node <path>`.
 *
 * @throws {Error} `ensureServers` has not run.
 */
export function serverEntry(server: TestServer): string {
  const packageFolder = join(FOLDER, "node_modules", FOLDERS[server]);
  const { bin } = JSON.parse(Deno.readTextFileSync(join(packageFolder, "package.json"))) as {
    bin: Record<string, string>;
  };
  const program = Object.values(bin)[0];
  if (program === undefined) throw new Error(`Cannot run server-${server}: it has no program`);
  return join(packageFolder, program);
}

async function installPackages(folder: string): Promise<void> {
  // npm gets the whole environment, because it may need the variables and certificates of a proxy.
  const command = new Deno.Command(Deno.build.os === "windows" ? "npm.cmd" : "npm", {
    args: ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    cwd: folder,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  });
  const { success, code } = await command.output().catch((cause) => {
    throw new Error("Cannot install the test servers: npm cannot be started", { cause });
  });
  if (!success) throw new Error(`Cannot install the test servers: npm ci ended with ${code}`);
}

/** Path of the file with the hash of the installed lock file. It is deleted together with `node_modules`. */
function installedHashPath(folder: string): string {
  return join(folder, "node_modules", ".installed");
}

function readInstalledHash(folder: string): string | undefined {
  try {
    return Deno.readTextFileSync(installedHashPath(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function hashLock(folder: string): string {
  const lock = Deno.readFileSync(join(folder, "package-lock.json"));
  return createHash("sha256").update(lock).digest("hex");
}

if (import.meta.main) await ensureServers();
