import assert from "node:assert/strict";
import { PARTS, readFlags } from "../../scripts/bench/flags.ts";

Deno.test("bench: an invalid command line is reported with the help before anything runs", () => {
  for (
    const [args, message] of [
      [["--foo"], /--foo/],
      [["extra"], /extra/],
      [["--share", "7"], /--share must be above 0 and at most 1, found "7"/],
      [["--only", "nothere"], /no part "nothere".*calls, large/],
      [["--peer", "nothere"], /Cannot measure the peer "nothere"/],
      [["--mapping", "x"], /must follow a --peer/],
      [["--peer", "node x.js", "--mapping", "none.json"], /Cannot use the mapping "none.json"/],
    ] as const
  ) {
    const asked = readFlags(args);
    assert.ok("message" in asked, args.join(" "));
    assert.match(asked.message, message);
    assert.match(asked.message, /Usage: deno task bench/);
    assert.equal(asked.exitCode, 2);
  }
});

Deno.test("bench: parts, peers and shares are parsed", () => {
  const asked = readFlags([
    ...["--quick", "--share", "0.1", "--only", "calls", "--only", "start"],
    ...["--peer", "mcporter", "--peer", "node x.js", "--mapping", "mcp-hub-mcp"],
  ]);
  assert.ok("flags" in asked);
  assert.equal(asked.flags.quick, true);
  assert.deepEqual(asked.flags.only, ["calls", "start"]);
  assert.equal(asked.share, 0.1);
  assert.deepEqual(asked.peers.map(({ name }) => name), ["mcporter", "mcp-hub-mcp"]);
  const help = readFlags(["--help"]);
  assert.ok("message" in help && help.exitCode === 0);
  for (const part of PARTS) assert.ok(help.message.includes(part));
});
