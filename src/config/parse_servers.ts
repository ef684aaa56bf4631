import { buildServer } from "./build_server.ts";
import { type Environment, getHomeFolder } from "./environment.ts";
import { entriesOf } from "./json_value.ts";
import { findDisablingKey } from "./other_clients.ts";
import type { ServerConfig } from "./server.ts";

/**
 * Returns the enabled servers of a servers file that is not written yet.
 *
 * @param text The text of the file; a text with errors has no servers.
 */
export async function parseServers(
  text: string,
  { env, cwd }: { readonly env: Environment; readonly cwd: string },
): Promise<ReadonlyMap<string, ServerConfig>> {
  // The fast checks refuse some valid texts, such as names with an escape.
  const { diagnosticChecks } = await import("./diagnostic_checks.ts");
  const { document } = diagnosticChecks.parse("", text);
  const file = document === undefined ? undefined : diagnosticChecks.checkServers(document).file;
  const variables = { env, cwd, home: getHomeFolder(env) };
  const servers = entriesOf(file?.mcpServers ?? {})
    .filter(([, entry]) => findDisablingKey(entry) === undefined)
    .map((entry) => buildServer(entry, variables).server);
  return new Map(servers.map((server) => [server.name, server]));
}
