import { type Cell, createCase, FEATURES } from "./eras_features.ts";
import { EarlierClient, type EraClient, StatelessClient } from "./eras_clients.ts";
import { type Era, type EraServer, startEraServers } from "./eras_servers.ts";
import { type RunningGateway, startGateway, type TransportKind } from "./gateway.ts";

const CELLS: Readonly<Record<Era, Readonly<Record<Era, Cell>>>> = {
  earlier: { earlier: "A", stateless: "B" },
  stateless: { earlier: "C", stateless: "D" },
};

/** Connects a client of an era. */
async function connect(era: Era, gateway: RunningGateway): Promise<EraClient> {
  if (era === "earlier") return await EarlierClient.connect(gateway);
  return StatelessClient.connect(gateway);
}

function startTableGateway(
  transport: TransportKind,
  servers: readonly EraServer[],
): Promise<RunningGateway> {
  return startGateway({
    transport,
    servers: Object.fromEntries(servers.map(({ name, entry }) => [name, entry])),
    initialize: false,
    args: ["--agent", "tester"],
  });
}

for (const transport of ["stdio", "http"] as const) {
  for (const era of ["earlier", "stateless"] as const) {
    Deno.test(`[eras.cells] a client of the ${era} era over ${transport}`, async (t) => {
      const folder = Deno.makeTempDirSync();
      await using servers = new AsyncDisposableStack();
      servers.defer(() => Deno.removeSync(folder, { recursive: true }));
      const started = await startEraServers(folder);
      for (const server of started) servers.use(server);
      await using gateway = await startTableGateway(transport, started);
      const client = await connect(era, gateway);
      let count = 0;
      for (const server of started) {
        const cell = CELLS[era][server.era];
        for (const feature of FEATURES) {
          if (feature.cells?.includes(cell) === false) continue;
          const given = createCase({
            cell,
            gateway,
            client,
            server,
            id: `${era}-${transport}-${count++}`,
          });
          await t.step(`${feature.title}, ${cell} with ${server.name}`, () => feature.run(given));
        }
      }
    });
  }
}
