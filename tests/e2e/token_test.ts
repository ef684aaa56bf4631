import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { runOnce } from "./run_once.ts";
import { readExpiry } from "../../src/cli/times.ts";
import { redactProbableSecrets } from "../../src/redact.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup } from "./setup.ts";

const RULES = '{\n  // Who.\n  "agents": { "researcher": {} } // all\n}\n';

Deno.test("[cli.token] a token is shown once, and its hash is in the rules", async () => {
  const setup = new Setup({ rules: RULES });
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const runToken = async (...flags: string[]) => {
    const args = [...commandArgs, "token", "researcher", ...flags];
    const program = new Program({ command, args, cwd: setup.workingFolder, env: setup.env });
    await program.closeInput();
    const { code } = await program.waitForEnd();
    return { code, stdout: program.lines.join("\n"), stderr: program.stderr };
  };
  const path = `${setup.workingFolder}/.mcp-gateway-rules.json`;
  const hashToken = (token: string) => createHash("sha256").update(token).digest("hex");

  const { code, stdout: firstToken, stderr } = await runToken();
  assert.equal(code, 0, stderr);
  assert.match(firstToken, /^amg_[\w-]{43}$/);
  assert.match(stderr, /This is the only time the token is shown/);
  assert.ok(!stderr.includes(firstToken));
  const firstHash = `"token_sha256": ["${hashToken(firstToken)}"`;
  const rulesWithToken = RULES.replace("{}", `{ ${firstHash}] }`);
  assert.equal(Deno.readTextFileSync(path), rulesWithToken);

  const { stdout } = await runToken("--json", "--expires", "2099-01-31");
  const { agent, token, sha256, expires, rules } = JSON.parse(stdout);
  assert.deepEqual([agent, expires, rules], ["researcher", "2099-01-31", path]);
  assert.notEqual(token, firstToken);
  assert.equal(sha256, hashToken(token));
  const entry = `{ "sha256": "${sha256}", "expires": "2099-01-31" }`;
  assert.equal(
    Deno.readTextFileSync(path),
    rulesWithToken.replace(firstHash, `${firstHash}, ${entry}`),
  );
  await setup.close();
});

Deno.test("[cli.token] unsuitable rules cause exit code 1, and invalid arguments exit code 2", async () => {
  const unknownAgent = await runOnce(["token", "resercher"], { rules: RULES });
  assert.deepEqual([unknownAgent.code, unknownAgent.stdout], [1, ""]);
  assert.match(unknownAgent.stderr, /there is no agent "resercher" .* did you mean "researcher"\?/);
  const missingFile = await runOnce(["token", "a"], { rules: false });
  assert.deepEqual([missingFile.code, missingFile.stdout], [1, ""]);
  assert.match(missingFile.stderr, /There is no rules file at .* name it with --rules/);
  for (
    const args of [[], ["a", "b"], ["a", "--expires", "soon"], ["a", "--expires", "2020-01-01"]]
  ) {
    const { code, stdout } = await runOnce(["token", ...args]);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
  }
});

Deno.test("[cli.token] an expiry is a duration from now, or a date in the future", () => {
  const now = Date.parse("2026-01-31T08:00:00.500Z");
  assert.equal(readExpiry("12h", now), "2026-01-31T20:00:00Z");
  assert.equal(readExpiry("30d", now), "2026-03-02T08:00:00Z");
  assert.equal(readExpiry("1w", now), "2026-02-07T08:00:00Z");
  assert.equal(readExpiry("2026-02-01", now), "2026-02-01");
  assert.equal(readExpiry("2026-02-01T00:00+02:00", now), "2026-02-01T00:00+02:00");
  for (const text of ["", "0d", "-1d", "1y", "30", "d", "2026-02-30", "tomorrow", "999999w"]) {
    assert.throws(() => readExpiry(text, now), /expected 12h/, text);
  }
  assert.throws(() => readExpiry("2026-01-31", now), /in the past/);
});

Deno.test("[log.redacted] the gateway's tokens are redacted", () => {
  const token = `amg_${"aB3-_".repeat(8)}xyz`;
  assert.equal(redactProbableSecrets(`Sent ${token} by mistake`), "Sent [redacted] by mistake");
});
