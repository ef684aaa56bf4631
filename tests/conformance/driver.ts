/**
 * Plays a client's part for the official conformance suite: `deno run -A driver.ts URL`. The gateway
 * stands in front of the scenario's server, is asked for its tools, and calls each of them. Links to
 * log in are followed, and forms are answered with their defaults. Where the gateway refuses
 * something the driver says it and ends with 1, which some scenarios want.
 */
import { type Fields, type RunningGateway, startGateway } from "../e2e/gateway.ts";
import { SCENARIOS } from "./client_scenarios.ts";

const SERVER = "scenario";

/** What an input schema says, as far as it matters here. */
interface Schema {
  readonly properties?: Readonly<Record<string, { type?: string; default?: unknown }>>;
}

interface Tool {
  readonly name: string;
  readonly inputSchema: Schema;
}

/** What a scenario hands over to its client. */
function readContext(): Fields {
  const { client_id, client_secret }: Fields = JSON.parse(
    Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}",
  );
  return client_id === undefined ? {} : { client_id, client_secret };
}

/** Answers as a person does who agrees to everything. */
function agree(params: Fields): Fields {
  if (params.mode === "url") {
    pages.push(fetch(String(params.url)).then((page) => page.text()));
    return { action: "accept" };
  }
  const { properties = {} } = params.requestedSchema as Schema;
  const content = Object.entries(properties).map(([name, { default: value }]) => [name, value]);
  return { action: "accept", content: Object.fromEntries(content) };
}

/** What the gateway answers, unless it refuses. */
async function ask(gateway: RunningGateway, name: string, args: Fields): Promise<Fields> {
  const result = await gateway.callTool(name, { server: SERVER, ...args });
  if (result.isError) throw new Error(`Refused: ${JSON.stringify(result.content)}`);
  return result;
}

async function callEveryTool(gateway: RunningGateway): Promise<void> {
  const { content } = await ask(gateway, "get_server_tools", {});
  const [{ text }] = content as [{ text: string }];
  const { tools } = JSON.parse(text) as { tools: Tool[] };
  for (const { name, inputSchema: { properties = {} } } of tools) {
    const args = Object.fromEntries(Object.keys(properties).map((key, index) => [key, index + 1]));
    await ask(gateway, "execute_tool", { tool: name, args });
  }
}

const pages: Promise<string>[] = [];
const [url = ""] = Deno.args;
const { oauth } = SCENARIOS[Deno.env.get("MCP_CONFORMANCE_SCENARIO") ?? ""] ?? {};
await using gateway = await startGateway({
  transport: "stdio",
  servers: { [SERVER]: { url, gateway: { oauth: { ...readContext(), ...oauth } } } },
  args: ["--agent", "tester", "--log-level", "debug"],
  client: { capabilities: { elicitation: { form: {}, url: {} } } },
});
gateway.client.handle("elicitation/create", agree);
try {
  await callEveryTool(gateway);
} catch (error) {
  const told = `${error}\n${gateway.program.stderr}`;
  Deno.stderr.writeSync(new TextEncoder().encode(told));
  Deno.exitCode = 1;
}
await Promise.all(pages);
