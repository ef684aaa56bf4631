/**
 * Runs every parser on kept inputs, and then on random changes of them. An input that breaks a parser is
 * made as small as possible and kept. `deno task fuzz` runs longer than the suite.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { anyInput, keepInput, readCorpus } from "./inputs.ts";
import { SOCKET_TARGETS } from "./fuzz_sockets.ts";
import { PARSER_TARGETS } from "./fuzz_parsers.ts";

/** Time for each target, in seconds. */
const SECONDS = Number(Deno.env.get("FUZZ_SECONDS") ?? 0.5);

for (const { name, title, words, open } of [...PARSER_TARGETS, ...SOCKET_TARGETS]) {
  Deno.test(`[parsers.fuzzed] ${title}`, async () => {
    const corpus = readCorpus(name);
    await using run = await open();
    for (const input of corpus) await run.check(input);
    const property = fc.asyncProperty(anyInput(corpus, words), async (input) => run.check(input));
    const result = await fc.check(property, {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: SECONDS * 1000,
    });
    const [broken] = result.counterexample ?? [];
    if (broken !== undefined) {
      const path = await keepInput(name, broken);
      assert.fail(`This input broke the target, and is kept as ${path}: ${result.errorInstance}`);
    }
    assert.ok(result.numRuns > 10, `only ${result.numRuns} inputs were tried`);
    const counts = `${name}: ${corpus.length} kept and ${result.numRuns} new inputs\n`;
    Deno.stdout.writeSync(new TextEncoder().encode(counts));
  });
}
