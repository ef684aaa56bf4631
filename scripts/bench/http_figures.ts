import type { MeasuredProgram } from "./measured_programs.ts";
import { HttpGateway } from "./http_client.ts";
import { LoadClient } from "./load_client.ts";
import { Workspace } from "./workspace.ts";
import type { Figures } from "./summary.ts";

/** Times calls over HTTP, with the same calls over stdio as the reference. */
export async function measureHttp(
  gateways: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  using workspace = new Workspace();
  for (const gateway of gateways) {
    const command = gateway.command(workspace);
    const env = gateway.env(workspace);
    await using overHttp = await HttpGateway.open(command, env);
    await using overStdio = await LoadClient.open(command, env);
    const call = gateway.formatCall("echo", { n: 100 });
    const clients = [["over stdio", overStdio], ["over HTTP", overHttp]] as const;
    for (const [, client] of clients) {
      await client.load({ call, count: 2000, inFlight: 64, minBytes: 100 });
    }
    for (let round = 0; round < rounds; round++) {
      for (const [inFlight, count] of [[1, 300], [64, 3000]] as const) {
        for (const [name, client] of clients) {
          const load = await client.load({ call, count, inFlight, minBytes: 100 });
          const prefix = `HTTP beside stdio, ${gateway.name}, ${inFlight} in flight`;
          figures.addValue(`${prefix}: p50`, name, "ms", load.p50);
          figures.addValue(`${prefix}: p99`, name, "ms", load.p99);
          figures.addValue(`${prefix}: throughput`, name, "/s", load.perSecond);
        }
      }
    }
  }
}
