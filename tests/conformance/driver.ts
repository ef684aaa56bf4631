/**
 * The gateway as a client of the official conformance suite. It runs in front of the server of a scenario,
 * and the driver calls each of the server's tools, follows login links, and answers forms with their defaults.
 */
import { type Fields, type RunningGateway, startGateway } from "../e2e/gateway.ts";
import { SCENARIOS } from "./client_scenarios.ts";

const SERVER = "scenario";

/** The values that the suite passes to its client, in its environment and as an argument. */
export interface ClientRun {
  readonly scenario: string;
  /** URL of the scenario's server. */
  readonly url: string;
  /** The client id and secret of the scenario, if it has any. */
  readonly context: Fields;
}

/** The relevant part of an input schema. */
interface Schema {
  readonly properties?: Readonly<Record<string, { type?: string; default?: unknown }>>;
}

interface Tool {
  readonly name: string;
  readonly inputSchema: Schema;
}

/** Accepts an elicitation with the defaults of its form. */
function acceptForm(params: Fields): Fields {
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

/**
 * Calls every tool of the scenario's server through the gateway.
 *
 * @returns The refusal of a call and the gateway's log; `undefined` if no call was refused.
 */
export async function runClient(
  { scenario, url, context }: ClientRun,
): Promise<string | undefined> {
  const { client_id, client_secret } = context;
  const credentials = client_id === undefined ? {} : { client_id, client_secret };
  const oauth = { ...credentials, ...SCENARIOS[scenario]?.oauth };
  await using gateway = await startGateway({
    transport: "stdio",
    servers: { [SERVER]: { url, gateway: { oauth } } },
    args: ["--agent", "tester", "--log-level", "debug"],
    initialize: { capabilities: { elicitation: { form: {}, url: {} } } },
  });
  const loginPages: Promise<string>[] = [];
  gateway.client.setRequestHandler("elicitation/create", (params) => {
    if (params.mode !== "url") return acceptForm(params);
    loginPages.push(fetch(String(params.url)).then((page) => page.text()));
    return { action: "accept" };
  });
  try {
    await callEveryTool(gateway);
    return undefined;
  } catch (error) {
    return `${error}\n${gateway.program.stderr}`;
  } finally {
    await Promise.all(loginPages);
  }
}
