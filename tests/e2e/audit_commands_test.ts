import assert from "node:assert/strict";
import { startGateway } from "./gateway.ts";
import { commandWords, GATEWAY_COMMAND } from "./gateway_command.ts";
import { runOnce } from "./run_once.ts";
import { AUDIT_LOG } from "./setup.ts";
import { auditText } from "../cli/audit_support.ts";

Deno.test("[audit.stats] [audit.tail] the commands read what the gateway wrote", async () => {
  await using gateway = await startGateway();
  await gateway.ask("list_servers");
  const [line] = gateway.audit();
  const files = { [AUDIT_LOG]: `${JSON.stringify(line)}\n` };
  const stats = await runOnce(["audit", "stats", "--json"], { files });
  assert.equal(stats.code, 0, stats.stderr);
  assert.equal(JSON.parse(stats.stdout).agents[0].name, "tester");
  const env = { GATEWAY_AUDIT_LOG: "~/none.jsonl" };
  const named = ["audit", "tail", "-n", "1", "--json", AUDIT_LOG];
  const tail = await runOnce(named, { files, env });
  assert.deepEqual(JSON.parse(tail.stdout), line);
  const fallback = { [AUDIT_LOG]: auditText() };
  const found = await runOnce(["audit", "tail"], { files: fallback, env });
  assert.match(found.stdout, /^2026-01-31 08:00:00 ALLOW a files\/read 1\.50 ms$/);
  assert.doesNotMatch(found.stderr, /another/);
  // A disk that was full for a while leaves a log in both places.
  const both = await runOnce(["audit", "tail"], {
    files: { "logs/audit.jsonl": auditText(), ...fallback },
    env: { GATEWAY_AUDIT_LOG: "./logs/audit.jsonl" },
  });
  assert.match(both.stderr, /another at .*\.local\/state\/agent-mcp-gateway\/audit\.jsonl, /);
});

Deno.test("[audit.stats] [audit.tail] help, and wrong command lines", async () => {
  for (const name of ["stats", "tail"]) {
    const { code, stdout } = await runOnce(["audit", name, "--help"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Example: agent-mcp-gateway audit ${name} `));
  }
  const wrong = [["stats", "--since", "soon"], ["tail", "-n", "0"], ["tail", "a", "b"], ["nope"]];
  for (const words of wrong) {
    const { code, stdout, stderr } = await runOnce(["audit", ...words]);
    assert.deepEqual([code, stdout], [2, ""], words.join(" "));
    assert.notEqual(stderr, "");
  }
});

Deno.test({
  name: "[audit.tail] a reader that has seen enough is no failure",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    try {
      Deno.writeTextFileSync(`${folder}/a.jsonl`, auditText().repeat(20_000));
      const words = await commandWords(GATEWAY_COMMAND);
      const script = '"$@" audit tail -n 20000 a.jsonl | head -n 1; echo "${PIPESTATUS[0]}"';
      const { stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", script, "bash", ...words],
        cwd: folder,
        stdin: "null",
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.match(text, /^2026-01-31 .*\n0\n$/, new TextDecoder().decode(stderr));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
