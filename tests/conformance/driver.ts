/**
 * A client for the official conformance suite: `deno run -A driver.ts URL`. It starts the gateway
 * in front of the scenario's server, and calls each of the server's tools. It follows login links,
 * and answers forms with their defaults. If the gateway refuses a call, the driver prints the
 * refusal and exits with 1; some scenarios expect a refusal.
 */
import { type Fields, type RunningGateway, startGateway } from "../e2e/gateway.ts";
import { SCENARIOS } from "./client_scenarios.ts";

const SERVER = "scenario";

/** The relevant part of an input schema. */
interface Schema {
  readonly properties?: Readonly<Record<string, { type?: string; default?: unknown }>>;
}

interface Tool {
  readonly name: string;
  readonly inputSchema: Schema;
}

/** Reads the client id and secret that the suite passes to the driver. */
function readClientCredentials(): Fields {
  const { client_id, client_secret }: Fields = JSON.parse(
    Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}",
  );
  return client_id === undefined ? {} : { client_id, client_secret };
}

/** Accepts an elicitation: follows a login link, or answers a form with its defaults. */
function acceptElicitation(params: Fields): Fields {
  if (params.mode === "url") {
    loginPages.push(fetch(String(params.url)).then((page) => page.text()));
    return { action: "accept" };
  }
  const { properties = {} } = params.requestedSchema as Schema;
  const content = Object.entries(properties).map(([name, { default: value }]) => [name, value]);
  return { action: "accept", content: Object.fromEntries(content) };
}

/** Calls a gateway tool for the scenario's server; throws if the call is refused. */
async function callOrThrow(gateway: RunningGateway, name: string, args: Fields): Promise<Fields> {
  const result = await gateway.callGatewayTool(name, { server: SERVER, ...args });
  if (result.isError) throw new Error(`Refused: ${JSON.stringify(result.content)}`);
  return result;
}

async function callEveryTool(gateway: RunningGateway): Promise<void> {
  const { content } = await callOrThrow(gateway, "get_server_tools", {});
  const [{ text }] = content as [{ text: string }];
  const { tools } = JSON.parse(text) as { tools: Tool[] };
  for (const { name, inputSchema: { properties = {} } } of tools) {
    const args = Object.fromEntries(Object.keys(properties).map((key, index) => [key, index + 1]));
    await callOrThrow(gateway, "execute_tool", { tool: name, args });
  }
}

const loginPages: Promise<string>[] = [];
const [url = ""] = Deno.args;
const { oauth } = SCENARIOS[Deno.env.get("MCP_CONFORMANCE_SCENARIO") ?? ""] ?? {};
await using gateway = await startGateway({
  transport: "stdio",
  servers: { [SERVER]: { url, gateway: { oauth: { ...readClientCredentials(), ...oauth } } } },
  args: ["--agent", "tester", "--log-level", "debug"],
  initialize: { capabilities: { elicitation: { form: {}, url: {} } } },
});
gateway.client.setRequestHandler("elicitation/create", acceptElicitation);
try {
  await callEveryTool(gateway);
} catch (error) {
  const output = `${error}\n${gateway.program.stderr}`;
  Deno.stderr.writeSync(new TextEncoder().encode(output));
  Deno.exitCode = 1;
}
await Promise.all(loginPages);
