import type { NamedServer } from "./merge_servers.ts";
import type { Plan } from "./plan.ts";

/** The agent that is offered, and taken where nobody is asked. */
export const FIRST_AGENT = "developer";

/** What the gateway does not have yet. */
export function offerServers(
  servers: readonly NamedServer[],
  kept: readonly string[],
  say: (line: string) => void,
): NamedServer[] {
  for (const { name } of servers.filter(({ name }) => kept.includes(name))) {
    say(`The gateway has a server ${JSON.stringify(name)} already, which stays as it is`);
  }
  return servers.filter(({ name }) => !kept.includes(name));
}

/** Everything, for one agent; no client's file is touched. */
export function planAll(
  servers: readonly NamedServer[],
  kept: readonly string[],
  { trustsFolder, say }: { readonly trustsFolder: boolean; readonly say: (line: string) => void },
): Plan {
  const chosen = servers.flatMap(({ name, versions }) => {
    const offered = versions.filter(({ server }) => trustsFolder || server.file.scope === "user");
    const [first, ...others] = offered;
    const passed = versions.find((version) => !offered.includes(version))?.server.file;
    if (passed?.client !== undefined) {
      say(
        `${passed.shown}: passed over ${JSON.stringify(name)}, because the working folder may be ` +
          `a stranger's; add --from ${passed.client} to take it`,
      );
    }
    if (first !== undefined && others.length > 0) {
      const from = others.map(({ server }) => server.file.shown).join(", ");
      say(`${JSON.stringify(name)} is taken from ${first.server.file.shown}, not from ${from}`);
    }
    return first === undefined ? [] : [first];
  });
  const names = [...kept, ...chosen.map(({ server }) => server.name)];
  const agent = { name: FIRST_AGENT, servers: names, access: "all" as const };
  return { servers: chosen, agents: [agent], clients: [] };
}
