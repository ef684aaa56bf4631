import type { Contestant } from "./contestants.ts";
import { HttpGateway } from "./http_client.ts";
import { LoadClient } from "./load_client.ts";
import { Scene } from "./scene.ts";
import type { Figures } from "./summary.ts";

/** Times calls over HTTP beside the same calls over stdio. */
export async function measureHttp(
  gateways: readonly Contestant[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  using scene = new Scene();
  for (const gateway of gateways) {
    const [command, env] = [gateway.command(scene), gateway.env(scene)];
    await using overHttp = await HttpGateway.open(command, env);
    await using overStdio = await LoadClient.open(command, env);
    const call = gateway.call("echo", { n: 100 });
    const clients = [["over stdio", overStdio], ["over HTTP", overHttp]] as const;
    for (const [, client] of clients) {
      await client.load({ call, count: 2000, inFlight: 64, leastBytes: 100 });
    }
    for (let round = 0; round < rounds; round++) {
      for (const [inFlight, count] of [[1, 300], [64, 3000]] as const) {
        for (const [name, client] of clients) {
          const load = await client.load({ call, count, inFlight, leastBytes: 100 });
          const what = `HTTP beside stdio, ${gateway.name}, ${inFlight} in flight`;
          figures.note(`${what}: p50`, name, "ms", load.p50);
          figures.note(`${what}: p99`, name, "ms", load.p99);
          figures.note(`${what}: throughput`, name, "/s", load.perSecond);
        }
      }
    }
  }
}
