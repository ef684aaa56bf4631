import assert from "node:assert/strict";
import { join } from "node:path";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { ensureServers, serverEntry } from "../test_servers.ts";
import { AGENT, formatToolCall, type MeasuredProgram } from "./measured_programs.ts";
import { LoadClient } from "./load_client.ts";
import type { Figures } from "./summary.ts";
import { Workspace } from "./workspace.ts";

/** The task by calls of `execute_tool`. */
export const CALLS = "53 × execute_tool";

/** The task by one call of `run_code`. */
const CODE = "1 × run_code";

const RECORD_COUNT = 50;

const UNPAID_IDS = [5, 21, 37];

const RULES = {
  agents: {
    [AGENT]: {
      allow: {
        servers: ["files", "gateway"],
        tools: {
          files: ["read_text_file", {
            tool: "write_file",
            when: { path: { like: "reminders/*.txt" } },
          }],
          gateway: ["run_code"],
        },
      },
    },
  },
};

/** The code that an agent would write for the task. */
const TASK_CODE = `const ids = Array.from({ length: ${RECORD_COUNT} }, (_, index) => index + 1);
const orders = await Promise.all(ids.map(async (id) => {
  const { content } = await tools.files.read_text_file({ path: \`orders/\${id}.json\` });
  return JSON.parse(content);
}));
const unpaid = orders.filter(({ paid }) => !paid);
for (const { id, customer, total } of unpaid) {
  const content = \`Dear \${customer}, please pay \${total} EUR for order \${id}.\\n\`;
  await tools.files.write_file({ path: \`reminders/\${id}.txt\`, content });
}
return unpaid.map(({ id }) => id);`;

interface Order {
  readonly id: number;
  readonly customer: string;
  readonly total: number;
  readonly paid: boolean;
}

/**
 * Measures a task with a real server, by many calls and by one call of `run_code`: reads 50 records, and writes a
 * reminder for each of the three that are unpaid. Counts the tokens of all arguments that an agent writes and of all
 * texts that it gets, from looking up the tools on, and the time of the calls, one after another. The time of the model
 * is not part of it.
 */
export async function measureTask(
  programs: readonly MeasuredProgram[],
  rounds: number,
  figures: Figures,
): Promise<void> {
  await ensureServers();
  const folder = Deno.makeTempDirSync({ prefix: "gateway-bench-files-" });
  const files = {
    command: "node",
    args: [serverEntry("filesystem"), folder],
    gateway: { forward: [] },
  };
  using workspace = new Workspace({ servers: [], moreServers: { files }, rules: RULES });
  writeOrders(folder);
  for (const program of programs) {
    const env = { ...program.env(workspace), GATEWAY_AGENT: AGENT };
    await using client = await LoadClient.open(program.command(workspace), env);
    // The first round warms up.
    for (let round = -1; round < rounds; round++) {
      const rulesOf: Record<string, readonly string[]> = {};
      for (const [name, perform] of [[CALLS, callTools], [CODE, runCode]] as const) {
        Deno.mkdirSync(join(folder, "reminders"));
        const agent = new MeasuredAgent(client);
        const lineCount = readAudit(workspace).length;
        await perform(agent);
        rulesOf[name] = rulesSince(lineCount, workspace);
        const reminders = [...Deno.readDirSync(join(folder, "reminders"))].map(({ name }) => name);
        assert.deepEqual(reminders.sort(), UNPAID_IDS.map((id) => `${id}.txt`).sort());
        Deno.removeSync(join(folder, "reminders"), { recursive: true });
        if (round < 0) continue;
        const title = `a task of 50 records, ${program.name}`;
        figures.addValue(`${title}: tokens`, name, "", agent.tokens);
        figures.addValue(`${title}: time`, name, "ms", agent.timeMs);
      }
      assert.deepEqual(rulesOf[CODE], rulesOf[CALLS]);
    }
  }
  Deno.removeSync(folder, { recursive: true });
}

/** Plays an agent: makes calls one after another, and counts their tokens and time. */
class MeasuredAgent {
  /** Tokens of all arguments and texts. */
  tokens = 0;
  /** Time of the calls of tools of servers, in milliseconds. */
  timeMs = 0;
  readonly #client: LoadClient;

  constructor(client: LoadClient) {
    this.#client = client;
  }

  /** Looks up tools, and counts the tokens of this. */
  async lookUp(args: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#request("get_server_tools", args);
  }

  /** Calls a tool of a server; returns the text of the result. */
  async call(
    server: string,
    tool: string,
    args: Readonly<Record<string, unknown>>,
  ): Promise<string> {
    const startedAt = performance.now();
    const text = await this.#request("execute_tool", { server, tool, args });
    this.timeMs += performance.now() - startedAt;
    return text;
  }

  async #request(name: string, args: Readonly<Record<string, unknown>>): Promise<string> {
    const answer = await this.#client.request(formatToolCall({ name, arguments: args }));
    const { result } = JSON.parse(answer);
    assert.ok(result?.isError !== true, answer);
    const { text } = result.content[0];
    this.tokens += encode(JSON.stringify(args)).length + encode(text).length;
    return text;
  }
}

async function callTools(agent: MeasuredAgent): Promise<void> {
  await agent.lookUp({ server: "files", names: "read_text_file,write_file" });
  const orders: Order[] = [];
  for (let id = 1; id <= RECORD_COUNT; id++) {
    orders.push(
      JSON.parse(await agent.call("files", "read_text_file", { path: `orders/${id}.json` })),
    );
  }
  for (const { id, customer, total } of orders.filter(({ paid }) => !paid)) {
    const content = `Dear ${customer}, please pay ${total} EUR for order ${id}.\n`;
    await agent.call("files", "write_file", { path: `reminders/${id}.txt`, content });
  }
}

async function runCode(agent: MeasuredAgent): Promise<void> {
  await agent.lookUp({ server: "gateway", names: "run_code" });
  await agent.lookUp({ server: "files", names: "read_text_file,write_file", detail: "types" });
  const answer = await agent.call("gateway", "run_code", { code: TASK_CODE });
  assert.deepEqual(JSON.parse(answer).result, UNPAID_IDS);
}

function writeOrders(folder: string): void {
  Deno.mkdirSync(join(folder, "orders"));
  for (let id = 1; id <= RECORD_COUNT; id++) {
    const order = {
      id,
      date: `2026-10-${String(id % 28 + 1).padStart(2, "0")}`,
      customer: `Customer ${id * 7 % 13}`,
      address: { street: `${id} Harbour Street`, city: "Rotterdam", country: "NL" },
      items: [
        { sku: `A-${1000 + id}`, name: "Desk lamp", quantity: id % 3 + 1, price: 39.9 },
        { sku: `B-${2000 + id}`, name: "Extension cable", quantity: 1, price: 12.5 },
      ],
      total: Math.round(((id % 3 + 1) * 39.9 + 12.5) * 100) / 100,
      paid: !UNPAID_IDS.includes(id),
    };
    Deno.writeTextFileSync(join(folder, "orders", `${id}.json`), JSON.stringify(order, null, 2));
  }
}

/** Returns the lines of the audit log. */
function readAudit({ audit }: Workspace): Readonly<Record<string, unknown>>[] {
  const lines = Deno.readTextFileSync(audit).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}

/** Returns the rules that have allowed the calls of files since a line of the audit log, in alphabetical order. */
function rulesSince(lineCount: number, workspace: Workspace): readonly string[] {
  const lines = readAudit(workspace).slice(lineCount);
  return lines.filter(({ server, phase }) => server === "files" && phase !== "begun")
    .map(({ decision, rule }) => `${decision} ${rule}`).sort();
}
