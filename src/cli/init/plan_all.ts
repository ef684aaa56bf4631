import { type OfferedServer, scopeLines } from "./merge_servers.ts";
import { describePlanned, type Plan, planAgent } from "./plan.ts";

/** The agent that is offered, and used if no question is asked. */
export const FIRST_AGENT = "developer";

/** Everything, for one agent; no server is started, and no client's file is touched. */
export function planAll(
  servers: readonly OfferedServer[],
  { kept, trustsFolder, say }: {
    /** Names of servers that the gateway has already. */
    readonly kept: readonly string[];
    readonly trustsFolder: boolean;
    readonly say: (line: string) => void;
  },
): Plan {
  const chosen = servers.filter(({ name, server: { name: original, file }, clashes }) => {
    if (!trustsFolder && file.scope !== "user") {
      const how = file.client === undefined ? "" : `; add --from ${file.client} to take it`;
      say(
        `${file.shown}: skipped ${JSON.stringify(original)}, because files in the working folder ` +
          `may not be yours${how}`,
      );
      return false;
    }
    if (clashes) {
      say(
        `${file.shown}: skipped ${
          JSON.stringify(original)
        }: the gateway already has another server ` +
          "with that name",
      );
      return false;
    }
    if (name !== original) {
      say(
        `${file.shown}: ${JSON.stringify(original)} is taken over as ${JSON.stringify(name)}, ` +
          "because another server has that name",
      );
    }
    return true;
  });
  for (const line of scopeLines(chosen)) say(line);
  const inspected = new Map();
  const planned = describePlanned(chosen, { inspected, home: "" });
  const names = [...kept, ...planned.map(({ name }) => name)];
  const choice = { servers: names, access: "all", allowsUndescribed: true } as const;
  const agent = planAgent(FIRST_AGENT, { ...choice, planned, inspected });
  return { servers: planned, agents: [agent], clients: [], agentOf: new Map() };
}
