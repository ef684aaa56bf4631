import assert from "node:assert/strict";
import { parseBenchOptions, PARTS } from "../../scripts/bench/flags.ts";

Deno.test("bench: an invalid command line yields an error message with the help", () => {
  for (
    const [args, message] of [
      [["--foo"], /--foo/],
      [["extra"], /extra/],
      [["--share", "7"], /--share must be above 0 and at most 1, found "7"/],
      [["--only", "nothere"], /no part "nothere".*calls, large/],
      [["--peer", "nothere"], /Cannot measure the gateway "nothere"/],
      [["--mapping", "x"], /must follow a --peer/],
      [["--peer", "node x.js", "--mapping", "none.json"], /Cannot use the mapping "none.json"/],
    ] as const
  ) {
    const options = parseBenchOptions(args);
    assert.ok("message" in options, args.join(" "));
    assert.match(options.message, message);
    assert.match(options.message, /Usage: deno task bench/);
    assert.equal(options.exitCode, 2);
  }
});

Deno.test("bench: flags are parsed, and the help lists every part", () => {
  const options = parseBenchOptions([
    ...["--quick", "--share", "0.1", "--only", "calls", "--only", "start"],
    ...["--peer", "mcporter", "--peer", "node x.js", "--mapping", "mcp-hub-mcp"],
  ]);
  assert.ok("flags" in options);
  assert.equal(options.flags.quick, true);
  assert.deepEqual(options.flags.only, ["calls", "start"]);
  assert.equal(options.share, 0.1);
  assert.deepEqual(options.otherGateways.map(({ name }) => name), ["mcporter", "mcp-hub-mcp"]);
  const help = parseBenchOptions(["--help"]);
  assert.ok("message" in help && help.exitCode === 0);
  for (const part of PARTS) assert.ok(help.message.includes(part));
});
