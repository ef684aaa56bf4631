import assert from "node:assert/strict";
import { HttpFixture, request } from "./http_fixture.ts";
import { postText, RawConnection } from "./raw_http.ts";

/** The chunks of a body. */
interface Chunks {
  readonly bytes: number;
  readonly count: number;
}

/** Returns the text of a request `initialize` with a body of chunks. */
function writeRequest({ port }: HttpFixture, { bytes, count }: Chunks): string {
  const body = JSON.stringify(request("initialize")).padEnd(bytes * count);
  const chunks = body.match(new RegExp(`.{1,${bytes}}`, "g")) ?? [];
  const text = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
  const headers = {
    "content-length": "",
    "transfer-encoding": "chunked",
    accept: "application/json, text/event-stream",
  };
  const head = postText(port, { headers, body: "" }).replace("content-length: \r\n", "");
  return `${head}${text}0\r\n\r\n`;
}

/** Sends a number of requests on one connection, one after the other; returns how many are answered. */
async function countAnswers(
  fixture: HttpFixture,
  { requests, ...chunks }: Chunks & { readonly requests: number },
): Promise<number> {
  using connection = await RawConnection.open(fixture.port);
  let answers = 0;
  const isAnswered = (text: string): boolean => text.split("200 OK").length > answers + 1;
  while (answers < requests) {
    // The gateway may close the connection before the whole text is sent.
    const isSent = await connection.send(writeRequest(fixture, chunks)).then(
      () => true,
      () => false,
    );
    if (!isSent || !await connection.readUntil(isAnswered)) break;
    answers++;
  }
  return answers;
}

Deno.test("[http.chunks] a body of a thousand tiny chunks is read, and one of more is not", async () => {
  await using fixture = await HttpFixture.open();
  assert.equal(await countAnswers(fixture, { requests: 1, bytes: 1, count: 900 }), 1);
  assert.equal(await countAnswers(fixture, { requests: 1, bytes: 1, count: 20_000 }), 0);
  // The next connection of the same client is served.
  assert.equal(await countAnswers(fixture, { requests: 1, bytes: 1, count: 900 }), 1);
});

Deno.test("[http.chunks] a body of many chunks that are not tiny is read", async () => {
  await using fixture = await HttpFixture.open();
  assert.equal(await countAnswers(fixture, { requests: 1, bytes: 64, count: 10_000 }), 1);
});

Deno.test("[http.chunks] the tiny chunks of all requests on a connection count together", async () => {
  await using fixture = await HttpFixture.open();
  assert.equal(await countAnswers(fixture, { requests: 30, bytes: 1, count: 150 }), 7);
  assert.equal(await countAnswers(fixture, { requests: 200, bytes: 90, count: 1 }), 200);
});
