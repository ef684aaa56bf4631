import assert from "node:assert/strict";
import { StderrTail } from "../../src/downstream/transports/stderr_tail.ts";
import { PrivateKeyRedactor, redactKnownSecrets } from "../../src/redact.ts";

const SECRET = "canary-0123456789";

/** Reads a text in chunks of the given size; returns the reported lines and the tail. */
async function readInChunks(
  chunkBytes: number,
  text: string,
): Promise<{ lines: string[]; tail: string }> {
  const bytes = new TextEncoder().encode(text);
  const starts = Array.from(
    { length: Math.ceil(bytes.length / chunkBytes) },
    (_, index) => index * chunkBytes,
  );
  const lines: string[] = [];
  const stderr = new StderrTail(
    ReadableStream.from(starts.map((start) => bytes.subarray(start, start + chunkBytes))),
    {
      redactSecrets: (text) => redactKnownSecrets(text, [SECRET]),
      longestSecret: SECRET.length,
      onLine: (line) => lines.push(line),
    },
  );
  await stderr.done;
  return { lines, tail: stderr.getLastLines() };
}

Deno.test("[errors.no-secrets] no half of a secret is left where a long line is cut", async () => {
  for (const chunkBytes of [1000, 4096, 4100, 65_536]) {
    for (let before = 4060; before <= 4110; before += 5) {
      const text = `${"x".repeat(before)}${SECRET}${"y".repeat(9000)}\nthe next line\n`;
      const { lines, tail } = await readInChunks(chunkBytes, text);
      const output = [...lines, tail].join("\n");
      assert.equal(output.includes(SECRET.slice(0, 6)), false, `${chunkBytes} ${before}`);
      assert.equal(output.includes(SECRET.slice(-6)), false, `${chunkBytes} ${before}`);
      assert.equal(lines.length, 2);
      assert.ok((lines[0]?.length ?? 0) > 4000);
      assert.ok(tail.endsWith("\nthe next line"));
    }
  }
});

Deno.test("[errors.stderr-quoted] each line is reported as a whole, whatever the size of the chunks", async () => {
  const sentLines = Array.from({ length: 40 }, (_, number) => `${number} é 名 😀 ${SECRET}`);
  const expected = sentLines.map((line) => line.replace(SECRET, "[redacted]"));
  for (const chunkBytes of [1, 7, 100, 65_536]) {
    const { lines, tail } = await readInChunks(chunkBytes, `\r\n${sentLines.join("\r\n")}`);
    assert.deepEqual(lines, expected);
    assert.equal(tail, expected.slice(-20).join("\n"));
  }
});

Deno.test("[errors.no-secrets] a private key of several lines is reported as one redacted line", async () => {
  const body = Array.from(
    { length: 30 },
    (_, number) => `MIIEpAIB${String(number).padStart(56, "A")}`,
  );
  const key = [
    "-----BEGIN RSA PRIVATE KEY-----",
    "Proc-Type: 4,ENCRYPTED",
    ...body,
    "-----END RSA PRIVATE KEY-----",
  ];
  for (const chunkBytes of [10, 65_536]) {
    const { lines, tail } = await readInChunks(chunkBytes, ["before", ...key, "after"].join("\n"));
    assert.deepEqual(lines, ["before", "[redacted]", "after"]);
    assert.equal(tail, "before\n[redacted]\nafter");
    // The lines after a message that only mentions a key are kept.
    const mention = "no -----BEGIN PRIVATE KEY----- found\nthe next line";
    const { tail: mentionTail } = await readInChunks(chunkBytes, mention);
    assert.match(mentionTail, /\nthe next line$/);
  }
});

Deno.test("[errors.no-secrets] no half of a password is left where a long line is cut", async () => {
  const address = "postgres://user:TopPassw0rdTopPassw0rd@host/x";
  for (const gap of ["z ", "zz"]) {
    for (const before of [4040, 4060, 4070, 4080]) {
      const text = `${gap.padStart(before, "z")}${address}\n${gap.padStart(before, "z")}${address}`;
      for (const chunkBytes of [1000, 65_536]) {
        const { lines, tail } = await readInChunks(chunkBytes, text);
        assert.doesNotMatch(tail, /TopPassw/);
        assert.equal(lines.length, 2);
      }
    }
  }
});

Deno.test("[errors.no-secrets] a line with many blanks within a private key is redacted in linear time", () => {
  // With a quadratic pattern, this line took minutes.
  const redactor = new PrivateKeyRedactor();
  redactor.redactLine("-----BEGIN PRIVATE KEY-----");
  assert.equal(redactor.redactLine(`${" ".repeat(1_000_000)}!`).length, 1_000_001);
});
