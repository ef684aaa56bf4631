import assert from "node:assert/strict";
import { Shell } from "../cli/shell.ts";
import { LOCAL_COMMANDS } from "./every_command.ts";
import { misbehavingServer } from "./gateway.ts";
import { GATEWAY_COMMAND, VERSION } from "./gateway_command.ts";

/** The arguments of a command, and its expected exit code and standard output. */
type CommandCase = readonly [args: string, code: number, output: RegExp];

const CASES: readonly CommandCase[] = [
  ["--version", 0, new RegExp(`^${VERSION}$`)],
  ["--help", 0, /\bdoctor\b/],
  ["validate --json", 0, /"errors": ?\[\]/],
  ["doctor", 1, /^$/],
  ["trust", 0, /^Trusted until they change: /m],
  ["doctor", 0, /^odd +ok +\d+/m],
  ["explain --agent tester --server odd --tool count", 0, /allow/],
  ["explain --agent tester --server other", 3, /deny/],
  ["tools --agent tester", 0, /\bodd\b/],
  ["tools --agent tester --server odd", 0, /\bcount\b/],
  ["call odd count --agent tester", 0, /^1$/m],
  ["savings --json", 0, /"servers"/],
  ["audit stats", 0, /\btester\b/],
  ["audit tail", 0, /ALLOW tester odd.count/],
  ["token tester", 0, /^amg_[\w-]{20,}$/m],
  ["schema servers", 0, /"mcpServers"/],
  ["schema rules", 0, /"agents"/],
  ["completions bash", 0, /agent-mcp-gateway/],
  ["permissions", 0, /--allow-run/],
  ["init --yes", 0, /mcpServers/],
  ["init --undo", 0, /^$/],
  ["no-such-command", 2, /^$/],
];

/** The forms that no other test runs each command of: those other than the form that the suite runs on. */
const otherCommands = LOCAL_COMMANDS.filter((command) => command !== GATEWAY_COMMAND);

for (const command of otherCommands.length > 0 ? otherCommands : LOCAL_COMMANDS) {
  Deno.test(`[install.shipped] every command except auth works, from ${command}`, async () => {
    const rules = { agents: { tester: { allow: { servers: ["odd"] } } } };
    await using shell = new Shell(
      { servers: { odd: misbehavingServer() }, rules, env: { GATEWAY_TRUST: "0" } },
      command,
    );
    for (const [args, code, output] of CASES) {
      const result = await shell.run(args.split(" "));
      const failureText = `${args}\n${result.stdout}\n${result.stderr}`;
      assert.equal(result.code, code, failureText);
      assert.ok(output.test(result.stdout), failureText);
    }
  });
}
