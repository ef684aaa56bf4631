/**
 * The gateway as a client of the official conformance suite. It runs in front of the server of a scenario,
 * and the driver calls each of the server's tools, follows login links, and answers forms with their defaults.
 */
import { type Fields, type RunningGateway, startGateway } from "../e2e/gateway.ts";
import { listKeys, PROMPTS, requestResultText, RESOURCES } from "../e2e/offers.ts";
import type { ClientScenario, ScenarioTool } from "./client_scenarios.ts";

const SERVER = "scenario";

/** The values that the suite passes to its client, in its environment and as an argument. */
export interface ClientRun {
  readonly scenario: string;
  /** URL of the scenario's server. */
  readonly url: string;
  /** The client id and secret of the scenario, and the calls that it asks for, if it has any. */
  readonly context: Fields;
}

/** Accepts an elicitation with the defaults of its form. */
function acceptForm(params: Fields): Fields {
  const { properties = {} } = params.requestedSchema as ScenarioTool["inputSchema"];
  const content = Object.entries(properties).map(([name, { default: value }]) => [name, value]);
  return { action: "accept", content: Object.fromEntries(content) };
}

/** Calls a gateway tool for the scenario's server; throws if the call is refused. */
async function callOrThrow(gateway: RunningGateway, name: string, args: Fields): Promise<Fields> {
  const result = await gateway.callGatewayTool(name, { server: SERVER, ...args });
  if (result.isError) throw new Error(`Refused: ${JSON.stringify(result.content)}`);
  return result;
}

/** A call that a scenario asks for. */
interface RequestedCall {
  readonly name: string;
  readonly arguments: Fields;
}

/** Calls every tool, with the arguments that the scenario asks for if it does. */
async function callEveryTool(
  gateway: RunningGateway,
  { requestedCalls = [], chooseArgs }: Pick<ClientScenario, "chooseArgs"> & {
    readonly requestedCalls: readonly RequestedCall[] | undefined;
  },
): Promise<void> {
  const { content } = await callOrThrow(gateway, "get_server_tools", {});
  const [{ text }] = content as [{ text: string }];
  const { tools } = JSON.parse(text) as { tools: ScenarioTool[] };
  for (const tool of tools) {
    const { name, inputSchema: { properties = {} } } = tool;
    const args = requestedCalls.find((call) => call.name === name)?.arguments ??
      chooseArgs?.(tool, tools) ??
      Object.fromEntries(Object.keys(properties).map((key, index) => [key, index + 1]));
    await callOrThrow(gateway, "execute_tool", { tool: name, args });
  }
}

/** Reads every resource, and gets every prompt. */
async function requestEveryItem({ client }: RunningGateway): Promise<void> {
  for (const uri of await listKeys(client, RESOURCES)) {
    await requestResultText(client, "resources/read", { uri });
  }
  for (const name of await listKeys(client, PROMPTS)) {
    await requestResultText(client, "prompts/get", { name });
  }
}

/**
 * Calls every tool of the scenario's server through the gateway.
 *
 * @param run The values that the suite passes.
 * @param scenario The settings of the scenario.
 * @returns The refusal of a call and the gateway's log; `undefined` if no call was refused.
 */
export async function runClient(
  { url, context }: ClientRun,
  scenario: ClientScenario = {},
): Promise<string | undefined> {
  const { client_id, client_secret } = context;
  const credentials = client_id === undefined ? {} : { client_id, client_secret };
  const oauth = { ...credentials, ...scenario.oauth };
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
    const requestedCalls = context.toolCalls as readonly RequestedCall[] | undefined;
    await callEveryTool(gateway, { ...scenario, requestedCalls });
    if (scenario.hasOtherItems === true) await requestEveryItem(gateway);
    return undefined;
  } catch (error) {
    return `${error}\n${gateway.program.stderr}`;
  } finally {
    await Promise.all(loginPages);
  }
}
