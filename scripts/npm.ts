/**
 * Builds the npm package in `dist/npm`: the program, and a launcher that starts it with the Deno that
 * npm installs as a dependency. If `GITHUB_REPOSITORY` (`owner/name`) is set, also writes
 * `dist/server.json`, the entry for the MCP registry.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { listSettings } from "../src/config/mod.ts";
import { PART_ENDS } from "../src/program_files.ts";
import { bundleGateway, bundleRelay } from "./bundle.ts";
import { print, runTask } from "./compile.ts";
import { permissionFlags } from "./permissions.ts";

/** The folder in which the package is built. */
export const PACKAGE_FOLDER = "dist/npm";
const NAME = "agent-mcp-gateway";
const DESCRIPTION = "One MCP server in front of all of yours, with rules for each agent";

/** The program, the chunks that it loads later, and the programs of smaller processes. */
const PROGRAM_FILES = [".js", ...Object.values(PART_ENDS)].map((end) => NAME + end);

/** The pages that README links to. npm packs README and LICENSE even if `files` does not list them. */
const PAGES = ["CONTRIBUTING.md", "SECURITY.md"];

/** The folders that README and the other pages link to. */
const PAGE_FOLDERS = ["docs", "config"];

/** The platforms with an npm package of Deno. */
const DENO_SYSTEMS = [
  "darwin-arm64",
  "darwin-x64",
  "linux-arm64-glibc",
  "linux-x64-glibc",
  "win32-arm64",
  "win32-x64",
];

/** Returns the package's name in the MCP registry, which verifies with GitHub who owns the name. */
function registryName(repository: string): string {
  const [owner = ""] = repository.split("/");
  return `io.github.${owner}/${NAME}`;
}

/**
 * Returns the `package.json` of the package.
 *
 * @param repository `owner/name` on GitHub, if known.
 */
export function packageJson(repository?: string): Record<string, unknown> {
  return {
    name: NAME,
    version: config.version,
    description: DESCRIPTION,
    keywords: ["mcp", "mcp-server", "gateway", "proxy", "agents"],
    license: config.license,
    ...(repository === undefined ? {} : {
      // The registry uses this to verify that the package and its entry belong together.
      mcpName: registryName(repository),
      repository: { type: "git", url: `git+https://github.com/${repository}.git` },
    }),
    type: "module",
    bin: { [NAME]: "launcher.cjs" },
    files: ["launcher.cjs", ...PROGRAM_FILES, ...PAGES, ...PAGE_FOLDERS],
    engines: { node: ">=20" },
    // The version that the bundle was built and tested with. npm installs only the package for its platform.
    optionalDependencies: Object.fromEntries(
      DENO_SYSTEMS.map((system) => [`@deno/${system}`, Deno.version.deno]),
    ),
    permissions: permissionFlags(),
  };
}

/**
 * Returns the entry for the MCP registry.
 *
 * @param repository `owner/name` on GitHub.
 * @see {@link https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json}
 */
export function serverJson(repository: string): Record<string, unknown> {
  return {
    $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    name: registryName(repository),
    title: "Agent MCP Gateway",
    description: DESCRIPTION,
    version: config.version,
    repository: { url: `https://github.com/${repository}`, source: "github" },
    packages: [{
      registryType: "npm",
      identifier: NAME,
      version: config.version,
      runtimeHint: "npx",
      transport: { type: "stdio" },
      environmentVariables: listSettings().map(({ variable, brief, boolean }) => ({
        name: variable,
        description: brief,
        ...(boolean ? { format: "boolean" } : {}),
      })),
    }],
  };
}

function toJsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * Builds the package in `PACKAGE_FOLDER`.
 *
 * @param repository `owner/name` on GitHub, if known.
 */
export async function buildPackage(repository?: string): Promise<void> {
  await bundleGateway(`${PACKAGE_FOLDER}/${NAME}.js`, { splits: true });
  await bundleRelay(`${PACKAGE_FOLDER}/${NAME}.js`);
  await Deno.copyFile("scripts/npm_launcher.cjs", `${PACKAGE_FOLDER}/launcher.cjs`);
  for (const name of ["README.md", "LICENSE", ...PAGES]) {
    await Deno.copyFile(name, `${PACKAGE_FOLDER}/${name}`);
  }
  for (const folder of PAGE_FOLDERS) await copyFolder(folder, `${PACKAGE_FOLDER}/${folder}`);
  await Deno.writeTextFile(`${PACKAGE_FOLDER}/package.json`, toJsonText(packageJson(repository)));
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

if (import.meta.main) {
  await runTask(async () => {
    const repository = Deno.env.get("GITHUB_REPOSITORY") || undefined;
    await buildPackage(repository);
    print(`Wrote ${PACKAGE_FOLDER}`);
    if (repository === undefined) {
      print(
        "The package is complete. For the MCP registry's dist/server.json as well, set " +
          "GITHUB_REPOSITORY to the repository's owner/name.",
      );
    } else {
      await Deno.writeTextFile("dist/server.json", toJsonText(serverJson(repository)));
      print("Wrote dist/server.json");
    }
  });
}
