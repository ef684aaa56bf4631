import type { LoadOptions, LoadResult } from "./load.ts";
import { formatToolCall, type MeasuredProgram } from "./measured_programs.ts";
import { HttpGateway } from "./http_client.ts";
import { LoadClient } from "./load_client.ts";
import { Workspace } from "./workspace.ts";
import type { Figures } from "./summary.ts";

/** The name of a client or server of the earlier revisions. */
export const EARLIER = "earlier";

/** The name of a client or server of revision 2026-07-28. */
const STATELESS = "stateless";

const REVISION = "2026-07-28";

const HTTP_HEADERS = {
  "mcp-protocol-version": REVISION,
  "mcp-method": "tools/call",
  "mcp-name": "execute_tool",
};

const META = {
  "io.modelcontextprotocol/protocolVersion": REVISION,
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** A client that makes calls through a gateway. */
interface Caller {
  readonly transport: "stdio" | "HTTP";
  readonly client: typeof EARLIER | typeof STATELESS;
  readonly load: (options: LoadOptions) => Promise<LoadResult>;
}

/**
 * Times the same calls in the four combinations of clients and servers of the earlier revisions and of 2026-07-28, in
 * turns, over stdio and HTTP. The reference is a client and a server of the earlier revisions.
 */
export async function measureRevisions(
  gateways: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  for (const gateway of gateways) {
    await using opened = new AsyncDisposableStack();
    const callers: (Caller & { readonly name: string })[] = [];
    for (const server of [EARLIER, STATELESS]) {
      const flags = server === STATELESS ? ["--stateless"] : [];
      const workspace = opened.use(new Workspace({ servers: [flags] }));
      for (const caller of await openCallers(gateway, { workspace, opened })) {
        const { client } = caller;
        const name = client === server ? server : `${client} client, ${server} server`;
        callers.push({ ...caller, name });
      }
    }
    const call = { minBytes: 100 };
    for (const { load, client } of callers) {
      await load({ ...call, call: formatCall(gateway, client), count: 2000, inFlight: 64 });
    }
    for (let round = 0; round < rounds; round++) {
      for (const [inFlight, count] of [[1, 1000], [64, 6000]] as const) {
        for (const { load, client, transport, name } of callers) {
          const options = { ...call, call: formatCall(gateway, client), count, inFlight };
          const { p50, perSecond } = await load(options);
          const prefix = `revisions, ${gateway.name} over ${transport}, ${inFlight} in flight`;
          figures.addValue(`${prefix}: p50`, name, "ms", p50);
          figures.addValue(`${prefix}: throughput`, name, "/s", perSecond);
        }
      }
    }
  }
}

/** Starts a gateway for each kind of client and transport. */
async function openCallers(
  gateway: MeasuredProgram,
  { workspace, opened }: { workspace: Workspace; opened: AsyncDisposableStack },
): Promise<Caller[]> {
  const command = gateway.command(workspace);
  const env = gateway.env(workspace);
  const earlier = opened.use(await LoadClient.open(command, env));
  const stateless = opened.use(new LoadClient(command, env));
  const earlierHttp = opened.use(await HttpGateway.open(command, env));
  const statelessHttp = opened.use(await HttpGateway.openStateless(command, env, HTTP_HEADERS));
  return [
    { transport: "stdio", client: EARLIER, load: (options) => earlier.load(options) },
    { transport: "stdio", client: STATELESS, load: (options) => stateless.load(options) },
    { transport: "HTTP", client: EARLIER, load: (options) => earlierHttp.load(options) },
    { transport: "HTTP", client: STATELESS, load: (options) => statelessHttp.load(options) },
  ];
}

/** Returns the members of a call of the echo tool, as a client of the revision writes them. */
function formatCall(gateway: MeasuredProgram, client: Caller["client"]): string {
  const call = gateway.formatCall("echo", { n: 100 });
  if (client === EARLIER) return call;
  const { params } = JSON.parse(`{${call}}`);
  return formatToolCall({ ...params, _meta: META });
}
