/** Compares the decisions about calls by `execute_tool` and by direct names, for the tables in tests/golden/policy. */
import assert from "node:assert/strict";
import { offeredName } from "../../../src/gateway/offered/names.ts";
import { type Answer, MemoryGateway, plainTool } from "./memory_gateway.ts";

type ToolRow = readonly [agent: string, server: string, tool: string, effect: string, rule: string];

/** Whether a row is about a tool. Other rows are about servers, resources, prompts or empty names. */
function isToolRow([, server, tool]: readonly unknown[]): boolean {
  return server !== "" && typeof tool === "string" && tool !== "";
}

const folder = new URL("../../golden/policy/", import.meta.url);

/** The decision about a call, and the tool's name if it was called. */
interface Decision {
  readonly effect: string;
  readonly code?: string;
  readonly message?: string;
  readonly rule?: string;
  readonly called?: string;
}

function decisionOf({ result, error }: Answer): Decision {
  if (error !== undefined) return { effect: "error", code: (error.data as { code: string }).code };
  const { isError = false, content: [{ text }] } = result;
  if (!isError) return { effect: "allow", called: text };
  const { code, message, rule } = JSON.parse(text).error;
  // Nobody can be asked for an approval here.
  const isAsked = message.includes("only with a person's approval of the call");
  return { effect: isAsked ? "ask" : "deny", code, message, rule };
}

for (
  const { name: file } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)
) {
  const { rules, rows, limitedServers } = JSON.parse(Deno.readTextFileSync(new URL(file, folder)));
  // The servers of these gateways have no limits on their results.
  if (limitedServers !== undefined) continue;
  // A rules file must not name an agent "*".
  if ("*" in rules.agents) continue;
  const toolRows: ToolRow[] = rows.filter(isToolRow);
  if (toolRows.length === 0) continue;
  const tools = new Map<string, Set<string>>();
  for (const [, server, tool] of toolRows) {
    tools.set(server, (tools.get(server) ?? new Set<string>()).add(tool));
  }
  const servers = Object.fromEntries(
    [...tools].map(([server, names]) => [server, { tools: [...names].map(plainTool) }]),
  );

  Deno.test(`[direct.decisions] execute_tool and direct names decide alike: ${file}`, async () => {
    await using both = await MemoryGateway.open({ rules, servers, directTools: ["*"] });
    await using directOnly = await MemoryGateway.open({ rules, servers, face: "direct" });
    let comparedCount = 0;
    for (const agent of new Set(toolRows.map(([agent]) => agent))) {
      const [client, directClient] = [both.connect(agent), directOnly.connect(agent)];
      const listed = new Set(await directClient.listNames());
      for (const [, server, tool, effect, rule] of toolRows.filter((row) => row[0] === agent)) {
        const name = offeredName({ server, name: tool }, 64);
        const args = { server, tool, args: {} };
        const byTool = decisionOf(
          await client.request("tools/call", { name: "execute_tool", arguments: args }),
        );
        const decisions = [client, directClient].map(async (peer) => {
          return decisionOf(await peer.request("tools/call", { name, arguments: {} }));
        });
        const row = `${agent} ${server} ${tool}`;
        assert.equal(byTool.effect, effect, row);
        // A name with a hash is looked up among the servers that the agent may use. Other names contain the server's.
        const isHidden = byTool.rule?.includes("servers") === true && /_[0-9a-f]{6}$/.test(name);
        for (const byName of await Promise.all(decisions)) {
          assert.deepEqual(
            byName,
            isHidden ? { effect: "error", code: "TOOL_NOT_FOUND" } : byTool,
            row,
          );
        }
        if (byTool.code === "DENIED_BY_POLICY") {
          assert.equal(byTool.rule, rule, row);
        }
        assert.equal(listed.has(name), effect !== "deny", row);
        comparedCount++;
      }
    }
    assert.equal(comparedCount, toolRows.length);
    // Each pair of calls has the same decision and the same rule on record.
    const recorded = (operation: string) =>
      both.readAudit()
        .filter((entry) => entry["operation"] === operation && entry["phase"] !== "begun")
        .map(({ agent_id, server, tool, decision, rule, code }) => {
          return [agent_id, server, tool, decision, rule, code].join(" ");
        });
    const byName = new Set(recorded("direct").filter((key) => !key.endsWith("TOOL_NOT_FOUND")));
    const byTool = new Set(recorded("execute_tool"));
    assert.ok(byName.size > 0);
    assert.deepEqual([...byName].filter((key) => !byTool.has(key)), []);
  });
}
