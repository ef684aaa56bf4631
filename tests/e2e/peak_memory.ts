import assert from "node:assert/strict";
import { answerCallsWith, FakeHttpServer } from "../downstream/remote/fake_http_server.ts";
import { startGateway } from "./gateway.ts";

/** A megabyte, in bytes. */
export const MB = 1_000_000;

/** Maximum resident memory of a gateway, in MB. */
const MAX_RESIDENT_MB = 900;

/** Returns the highest resident memory of a process so far, in MB. */
async function readPeakMemory(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("grep", { args: ["VmHWM", `/proc/${pid}/status`] })
    .output();
  const [, kib = "NaN"] = /(\d+) kB/.exec(new TextDecoder().decode(stdout)) ?? [];
  return Number(kib) * 1024 / MB;
}

/** Asserts that a gateway has never held more memory than it may, in MB. */
export async function assertBoundedMemory(pid: number, maxMb = MAX_RESIDENT_MB): Promise<void> {
  const peakMb = await readPeakMemory(pid);
  assert.ok(peakMb < maxMb, `${peakMb} MB`);
}

/** The texts before and after the message in an answer of a remote server, by its media type. */
const ANSWER_FORMATS = {
  "application/json": ["", ""],
  "text/event-stream": ["data: ", "\n\n"],
} as const;

/** Reads long answers of a remote server at the same time, and checks the memory of the gateway. */
export async function readAnswersAtOnce(mediaType: keyof typeof ANSWER_FORMATS): Promise<void> {
  const [head, tail] = ANSWER_FORMATS[mediaType];
  const text = "x".repeat(50 * MB);
  await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
    const result = { content: [{ type: "text", text }] };
    response.writeHead(200, { "content-type": mediaType });
    response.end(`${head}${JSON.stringify({ jsonrpc: "2.0", id, result })}${tail}`);
  }));
  await using gateway = await startGateway({ servers: { remote: { url: server.url } } });
  const readAnswer = () => gateway.callServerTool("remote", "echo");
  assert.ok(JSON.stringify(await readAnswer()).length > 50 * MB);
  // If all answers arrive equally fast, there is room for none of them.
  await Promise.all(Array.from({ length: 8 }, readAnswer));
  await assertBoundedMemory(gateway.program.pid);
}
