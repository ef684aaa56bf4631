import { type Configuration, suggestCorrection } from "../config/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
import type { PolicyCase } from "../config/editing/mod.ts";
import type { RememberedCatalogs } from "./remembered_catalogs.ts";

/** Returns a warning for each name of a case that is not known: such a case may pass because of a typing error. */
export async function findUnknownNames(
  { agent, server, subject }: PolicyCase,
  { configuration, catalogs }: {
    readonly configuration: Configuration;
    readonly catalogs: RememberedCatalogs;
  },
): Promise<string[]> {
  const { rules, servers, unavailableReasons } = configuration;
  const describe = (noun: string, name: string, problem: string, known: Iterable<string>) =>
    `the ${noun} ${JSON.stringify(name)} is not ${problem}${suggestCorrection(name, known)}`;
  const warnings = rules.agents.has(agent)
    ? []
    : [describe("agent", agent, "in the rules", rules.agents.keys())];
  if (!servers.has(server)) {
    return server === OWN_SERVER || unavailableReasons.has(server)
      ? warnings
      : [...warnings, describe("server", server, "configured", servers.keys())];
  }
  const lists = await catalogs.listsOf(server);
  const [kind, name, items] = "tool" in subject
    ? ["tool", subject.tool, lists.tools] as const
    : "prompt" in subject
    ? ["prompt", subject.prompt, lists.prompts] as const
    // A template may lead to any resource.
    : ["resource", subject.resource, undefined] as const;
  if (items === undefined || items.has(name)) return warnings;
  const problem = `in the list that server ${JSON.stringify(server)} last gave`;
  return [...warnings, describe(kind, name, problem, items.keys())];
}
