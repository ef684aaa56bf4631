import assert from "node:assert/strict";
import { HttpFixture, request } from "./http_fixture.ts";
import { postText, RawConnection } from "./raw_http.ts";

/** Sends `initialize` as a body of chunks; returns the status of the answer, 0 if the connection was closed. */
async function postChunks(
  fixture: HttpFixture,
  chunkBytes: number,
  count: number,
): Promise<number> {
  const message = JSON.stringify(request("initialize"));
  const body = message.padEnd(chunkBytes * count);
  const chunks = body.match(new RegExp(`.{1,${chunkBytes}}`, "g")) ?? [];
  const text = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
  const headers = {
    "content-length": "",
    "transfer-encoding": "chunked",
    accept: "application/json, text/event-stream",
  };
  const head = postText(fixture.port, { headers, body: "" }).replace("content-length: \r\n", "");
  using connection = await RawConnection.open(fixture.port);
  await connection.send(`${head}${text}0\r\n\r\n`).catch((error) => {
    // The gateway may close the connection before the whole text is sent.
    const isClosed = error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe;
    if (!isClosed) throw error;
  });
  await connection.readUntil((received) => /\r\n\r\n[^]*\}/.test(received));
  return connection.answer.status;
}

Deno.test("[http.chunks] a body of a thousand tiny chunks is read, and one of more is not", async () => {
  await using fixture = await HttpFixture.open();
  assert.equal(await postChunks(fixture, 1, 900), 200);
  assert.equal(await postChunks(fixture, 1, 20_000), 0);
  // The next message of the same client is answered.
  assert.equal(await postChunks(fixture, 1, 900), 200);
});

Deno.test("[http.chunks] a body of many chunks that are not tiny is read", async () => {
  await using fixture = await HttpFixture.open();
  assert.equal(await postChunks(fixture, 64, 10_000), 200);
});
