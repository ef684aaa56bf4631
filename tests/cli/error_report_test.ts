import assert from "node:assert/strict";
import { withErrorReport } from "../../src/cli/error_report.ts";

/** Returns the exit code and the output of a command that throws. */
async function reportOf(thrown: unknown): Promise<{ code: number; text: string }> {
  let text = "";
  const stderr = { write: (part: string) => void (text += part) };
  const code = await withErrorReport({ stderr }, () => Promise.reject(thrown));
  return { code, text };
}

Deno.test("[errors.no-secrets] an unexpected error of a command is printed without addresses and probable secrets, with its stack", async () => {
  const secret = "pa/ss#w0rd-7731";
  const errors = [
    new TypeError(`Invalid URL: 'https://svc:${secret}@mcp.example.com/mcp'`),
    new Error(`password=${secret}`),
    new Error(`Invalid URL: 'https://svc:pass\n    at ${secret}'`),
  ];
  for (const error of errors) {
    const { code, text } = await reportOf(error);
    assert.equal(code, 1);
    assert.match(text, new RegExp(`^Command failed, ${error.name}: .*\\[redacted\\]`));
    assert.match(text, /\n {4}at .*error_report_test\.ts:\d+:\d+/);
    assert.doesNotMatch(text, /w0rd/);
  }
  assert.deepEqual(await reportOf("https://x/canary"), {
    code: 1,
    text: "Command failed, https://[redacted]\n",
  });
  const missing = new Deno.errors.NotFound("No such file: readfile '/somewhere'");
  assert.match((await reportOf(missing)).text, /^Command failed, NotFound: .*'\/somewhere'\n/);
});
