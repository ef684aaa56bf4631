import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeUrlInputError } from "../../../src/downstream/revisions/v2025/server_messages.ts";

/** Returns the message that a client gets for the message of a server named `s`. */
function forwarded(message: string): string {
  const error = { code: -32042, message: "links", data: { elicitations: [{ message }] } };
  return JSON.parse(decodeUrlInputError(error, "s")?.json ?? "").data.elicitations[0].message;
}

Deno.test("a server's message begins with its name, without other texts in brackets", () => {
  for (
    const [message, expected] of [
      ["Hello", "[s] Hello"],
      [" Hello [there]", "[s]  Hello [there]"],
      ["", "[s]"],
      ["[other]", "[s]"],
      [" [other]\u200b[[third] Hello", "[s] Hello"],
      ["[other] [not closed", "[s] [not closed"],
      ["[]".repeat(100) + " Hello", "[s] Hello"],
    ] as const
  ) assert.equal(forwarded(message), expected);
});

Deno.test("all texts in brackets at the beginning of any message are removed", () => {
  const characters = fc.constantFrom("[", "]", " ", "\u200b", "\n", "x", "\u{1f600}");
  fc.assert(fc.property(fc.string({ unit: characters }), (message) => {
    const unlabelled = message.replace(/^(?:[\s\p{C}]*\[[^\]]*\])+[\s\p{C}]*/u, "");
    assert.equal(forwarded(message), unlabelled === "" ? "[s]" : `[s] ${unlabelled}`);
  }));
});

Deno.test("a message with millions of brackets at its beginning is not read to their end", () => {
  assert.equal(forwarded("[]".repeat(4_500_000) + "Hello"), "[s]");
  assert.equal(forwarded("[".repeat(9_000_000)).length, "[s] ".length + 9_000_000);
});
