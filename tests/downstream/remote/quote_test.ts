import assert from "node:assert/strict";
import { quoteBody } from "../../../src/downstream/remote/quote.ts";
import { explainUnanswered } from "../../../src/downstream/remote/unanswered.ts";

const SECRET = "s3cr3t-t0ken";
const clean = (text: string): string => text.replaceAll(SECRET, "[redacted]");

function explain(text: string, more: { type?: string; encoding?: string } = {}): string {
  const { type = "application/json", encoding } = more;
  const data = { text, bytes: text.length };
  const arrived = { status: 200, type, encoding, data, events: 0, head: undefined };
  return explainUnanswered(arrived, { host: "host:1", id: "7", clean }).message;
}

Deno.test("[remote.answers] a page with many unclosed titles is read in linear time", () => {
  for (const part of ["<title", "<title ", "<title>", "<title x", "<!--", "<!-- -->"]) {
    const page = `<html>${part.repeat(1_000_000 / part.length)}`;
    const since = performance.now();
    assert.match(explain(page, { type: "text/html" }), /answered with a web page/);
    const tookMs = performance.now() - since;
    // Quadratic time would be minutes.
    assert.ok(tookMs < 2000, `${part}: ${tookMs} ms`);
  }
});

Deno.test("[remote.answers] the title of a page is quoted, with its attributes or without", () => {
  for (const tag of ["<title>", '<title lang="en">', "<TITLE\n>"]) {
    assert.equal(quoteBody(`<!doctype html>${tag}Bad Gateway</title>`, clean), '"Bad Gateway"');
  }
});

Deno.test("[remote.answers] names quoted from a server's answer are short and without secrets", () => {
  const long = `${SECRET}${"x".repeat(100_000)}`;
  const id = JSON.stringify(long);
  const odd = [
    explain(`{"jsonrpc":"2.0","id":${id},"result":{}}`),
    explain(`{"jsonrpc":"2.0","id":null,"error":{"code":${id}}}`),
    explain("text", { type: `text/${long}` }),
    explain("text", { type: "text/plain", encoding: long }),
  ];
  for (const message of odd) {
    assert.ok(message.includes("[redacted]") && !message.includes(SECRET), message);
    assert.ok(message.length < 600, message);
  }
});

Deno.test("[remote.answers] a quote contains neither half a secret nor half a character", () => {
  const body = `${" ".repeat(16 * 1024 - 6)}${SECRET}`;
  assert.equal(quoteBody(`begin${body}`.slice(5), clean), undefined);
  assert.equal(quoteBody(`begin ${body}`, clean), '"begin"');
  assert.equal(
    quoteBody(`${"a".repeat(199)}\u{1f600}z`, clean),
    JSON.stringify(`${"a".repeat(199)}…`),
  );
});
