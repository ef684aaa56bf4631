import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { ensureServers, serverEntry, type TestServer } from "../../scripts/test_servers.ts";
import { sumCosts } from "../../src/cli/savings.ts";
import { readToolLists } from "../fixtures/tool_lists/mod.ts";
import { DirectConnection } from "../e2e/direct_connection.ts";
import { Shell } from "./shell.ts";

function realServer(server: TestServer, ...args: string[]): { command: string; args: string[] } {
  return { command: "node", args: [serverEntry(server), ...args] };
}

Deno.test("[cli.savings] the tokens of real servers are counted with a real tokenizer", async () => {
  await ensureServers();
  const servers = {
    everything: realServer("everything"),
    files: realServer("filesystem", "."),
    memory: realServer("memory"),
    gone: { command: "no-such-program" },
  };
  // Only the source has the tokenizer; the shipped program estimates the tokens.
  await using shell = new Shell({ servers }, "source");
  const { code, stdout, stderr } = await shell.run(["savings", "--json"]);
  assert.equal(code, 0);
  assert.match(stderr, /^Not counted: gone: .*was not found$/m);
  const { tokenizer, servers: costs, fixed, total, failed } = JSON.parse(stdout);
  assert.equal(tokenizer, "o200k_base");
  assert.deepEqual(failed.map(({ server }: { server: string }) => server), ["gone"]);
  assert.equal(costs.length, 3);
  for (const { server, direct, direct_face, gateway, signatures, schema, call } of costs) {
    // The names are longer by the server's name and two characters.
    assert.ok(direct_face > direct && direct_face < 1.3 * direct, server);
    assert.equal(gateway, signatures + schema + call);
    assert.ok(signatures > 0 && schema > 0 && call > 0 && gateway < direct, server);
  }
  assert.deepEqual(total, sumCosts(costs, fixed));
  assert.ok(fixed.definitions <= 400);
  // `direct` counts the list that a client gets from the server itself.
  await using direct = await DirectConnection.start(servers.memory);
  const tokens = encode(JSON.stringify(await direct.listTools())).length;
  const memoryCost = costs.find(({ server }: { server: string }) => server === "memory");
  assert.equal(memoryCost.direct, tokens);

  const text = await shell.run(["savings"]);
  assert.match(text.stdout, /^SERVER +TOOLS +DIRECT +TASK$/m);
  assert.match(text.stdout, /^SUM: one task +\d+ /m);
  assert.ok(text.stdout.includes(`saves ${total.saved_percent} %`));
});

const LISTING_SERVER = fileURLToPath(
  new URL("../fixtures/servers/listing_server.ts", import.meta.url),
);

Deno.test("[cli.savings] for the recorded tools of 14 real servers, an average task takes under 5 % of the tokens", async () => {
  const denoFlags = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--allow-read"];
  const servers = Object.fromEntries(
    readToolLists().map(({ server }) => {
      const listPath = fileURLToPath(
        new URL(`../fixtures/tool_lists/${server}.json`, import.meta.url),
      );
      return [server, { command: Deno.execPath(), args: [...denoFlags, LISTING_SERVER, listPath] }];
    }),
  );
  await using shell = new Shell({ servers });
  const { stdout } = await shell.run(["savings", "--json"]);
  const { servers: costs, total } = JSON.parse(stdout);
  assert.ok(costs.length >= 14, `${costs.length} servers`);
  assert.ok(total.saved_percent > 95, `${total.saved_percent} % saved`);
});

Deno.test("[cli.savings] the total compares all definitions with one task of mean cost", () => {
  const cost = (direct: number, gateway: number) => ({
    server: "s",
    tools: 2,
    direct,
    direct_face: direct + 10,
    gateway,
    signatures: gateway,
    schema: 0,
    call: 0,
    example: "t",
  });
  const fixed = { definitions: 200, list_servers: 100, direct_tools: 100 };
  assert.deepEqual(sumCosts([cost(10_000, 400), cost(30_000, 1200)], fixed), {
    tools: 4,
    direct: 40_000,
    direct_face: 40_020,
    gateway: 1200,
    gateway_max: 1600,
    saved_percent: 97,
    saved_percent_min: 96,
  });
  assert.equal(sumCosts([], fixed).saved_percent, 0);
});
