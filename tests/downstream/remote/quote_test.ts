import assert from "node:assert/strict";
import { quoteBody } from "../../../src/downstream/remote/quote.ts";
import { explainMissingAnswer } from "../../../src/downstream/remote/missing_answer.ts";
import { cpuMs } from "../../cpu_time.ts";

const SECRET = "s3cr3t-t0ken";
const redactSecrets = (text: string): string => text.replaceAll(SECRET, "[redacted]");

/** Returns the error message for a response whose body is not an answer. */
function explain(text: string, options: { mediaType?: string; encoding?: string } = {}): string {
  const { mediaType = "application/json", encoding } = options;
  const data = { text, bytes: text.length };
  const received = {
    status: 200,
    mediaType,
    encoding,
    data,
    messageCount: 0,
    firstBytes: undefined,
  };
  return explainMissingAnswer(received, { host: "host:1", id: "7", redactSecrets }).message;
}

Deno.test("[remote.answers] a page with many unclosed titles is read in linear time", () => {
  for (const part of ["<title", "<title ", "<title>", "<title x", "<!--", "<!-- -->"]) {
    const page = `<html>${part.repeat(1_000_000 / part.length)}`;
    const startedMs = cpuMs();
    assert.match(explain(page, { mediaType: "text/html" }), /answered with a web page/);
    const tookMs = cpuMs() - startedMs;
    // Quadratic time would take minutes.
    assert.ok(tookMs < 2000, `${part}: ${tookMs} ms`);
  }
});

Deno.test("[remote.answers] the title of a page is quoted, whether or not its tag has attributes", () => {
  for (const tag of ["<title>", '<title lang="en">', "<TITLE\n>"]) {
    assert.equal(
      quoteBody(`<!doctype html>${tag}Bad Gateway</title>`, redactSecrets),
      '"Bad Gateway"',
    );
  }
});

Deno.test("[remote.answers] names quoted from a server's answer are short and without secrets", () => {
  const longText = `${SECRET}${"x".repeat(100_000)}`;
  const id = JSON.stringify(longText);
  const messages = [
    explain(`{"jsonrpc":"2.0","id":${id},"result":{}}`),
    explain(`{"jsonrpc":"2.0","id":null,"error":{"code":${id}}}`),
    explain("text", { mediaType: `text/${longText}` }),
    explain("text", { mediaType: "text/plain", encoding: longText }),
  ];
  for (const message of messages) {
    assert.ok(message.includes("[redacted]") && !message.includes(SECRET), message);
    assert.ok(message.length < 600, message);
  }
});

Deno.test("[remote.answers] a quote contains neither half a secret nor half a character", () => {
  // Only the first 16 KiB are searched for secrets, and these end within the secret.
  const body = `${" ".repeat(16 * 1024 - 6)}${SECRET}`;
  assert.equal(quoteBody(body, redactSecrets), undefined);
  assert.equal(quoteBody(`begin ${body}`, redactSecrets), '"begin"');
  assert.equal(
    quoteBody(`${"a".repeat(199)}\u{1f600}z`, redactSecrets),
    JSON.stringify(`${"a".repeat(199)}…`),
  );
});
