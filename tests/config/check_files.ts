import {
  checkConfiguration,
  type CheckResult,
  type Environment,
  type LoadOptions,
  locateFiles,
} from "../../src/config/mod.ts";
import { TempFolder } from "./temp_folder.ts";

/** Creates an environment from variables. */
export function createEnvironment(values: Record<string, string>): Environment {
  const map = new Map(Object.entries(values));
  return { get: (name) => map.get(name), toObject: () => Object.fromEntries(map) };
}

/** Writes both configuration files into a temporary folder, and checks them. */
export async function checkFiles(
  mcpConfig: string | Uint8Array | object = { mcpServers: {} },
  rules: string | Uint8Array | object = { agents: {} },
  variables: Record<string, string> = {},
  options: Partial<LoadOptions> = {},
): Promise<CheckResult> {
  using folder = new TempFolder();
  folder.write("mcp.json", mcpConfig);
  folder.write("rules.json", rules);
  const paths = { mcpConfig: "mcp.json", rules: "rules.json" };
  const files = locateFiles(paths, { home: undefined, cwd: folder.path });
  const env = createEnvironment(variables);
  return await checkConfiguration(files, { env, cwd: "/work", windows: false, ...options });
}
