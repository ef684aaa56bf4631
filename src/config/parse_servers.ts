import { buildServer } from "./build_server.ts";
import { type Environment, homeFolder } from "./environment.ts";
import { entriesOf } from "./json_value.ts";
import { fastChecks } from "./fast_checks.ts";
import type { ServerConfig } from "./server.ts";

/**
 * Returns the enabled servers of a servers file that is not written yet.
 *
 * @param text The text of the file; a text with errors has no servers.
 */
export function parseServers(
  text: string,
  { env, cwd }: { readonly env: Environment; readonly cwd: string },
): ReadonlyMap<string, ServerConfig> {
  const { document } = fastChecks.parse("", text);
  const file = document === undefined ? undefined : fastChecks.checkServers(document).file;
  const variables = { env, cwd, home: homeFolder(env) };
  const servers = entriesOf(file?.mcpServers ?? {})
    .filter(([, entry]) => entry.disabled !== true)
    .map((entry) => buildServer(entry, variables).server);
  return new Map(servers.map((server) => [server.name, server]));
}
