import assert from "node:assert/strict";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { readRetryAfter } from "../../../src/downstream/remote/retry_after.ts";
import { FakeHttpServer, type RequestHandler } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

/** Returns a handler that answers the first requests of a method with a status that means "busy". */
function respondBusy(
  times: number,
  status: number,
  retryAfter: string | undefined,
  method: string,
): RequestHandler {
  let remaining = times;
  return ({ message }, response) => {
    if (message.method !== method || remaining-- <= 0) return false;
    response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter }).end();
    return true;
  };
}

Deno.test("[remote.busy] Retry-After is read as seconds or as a date, and limited to 100 ms to 24 h", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(readRetryAfter("7", now), 7000);
  assert.equal(readRetryAfter(" 0 ", now), 100);
  assert.equal(readRetryAfter("Thu, 01 Jan 2026 00:00:30 GMT", now), 30_000);
  assert.equal(readRetryAfter("Thu, 01 Jan 2020 00:00:30 GMT", now), 100);
  assert.equal(readRetryAfter("999999999999", now), 24 * 60 * 60 * 1000);
  for (const invalid of [null, "", "soon", "-5x"]) assert.equal(readRetryAfter(invalid), undefined);
});

for (const status of [429, 503]) {
  for (const method of ["initialize", "tools/call"]) {
    Deno.test(`[remote.busy] ${method} is repeated after ${status}`, async () => {
      await using server = await FakeHttpServer.start(respondBusy(2, status, "0", method));
      await using fixture = createRemoteFixture(server.url);
      const startedMs = performance.now();
      assert.match(readResultJson(await fixture.call("echo")), /called echo/);
      // The minimum of each of the two pauses is 100 ms; timers may be a little early.
      assert.ok(performance.now() - startedMs >= 190, "The gateway did not wait");
      assert.equal(server.countRequests(method), 3);
    });
  }

  Deno.test(`[remote.busy] if a ${status} response asks for a longer wait than the call may take, the error says when to try again`, async () => {
    await using server = await FakeHttpServer.start(respondBusy(9, status, "120", "tools/call"));
    await using fixture = createRemoteFixture(server.url, { options: { callTimeoutMs: 60_000 } });
    const message = await expectFailure(fixture.call("echo"));
    const expected = new RegExp(
      `is busy \\(HTTP ${status}\\) and asks to be tried again in 120 s\\.$`,
    );
    assert.match(message, expected);
    assert.equal(server.countRequests("tools/call"), 1);
  });
}

Deno.test("[remote.busy] 429 without a time to wait is reported immediately", async () => {
  await using server = await FakeHttpServer.start(respondBusy(9, 429, undefined, "tools/call"));
  await using fixture = createRemoteFixture(server.url);
  assert.match(await expectFailure(fixture.call("echo")), /answered with HTTP 429\.$/);
  assert.equal(server.countRequests("tools/call"), 1);
});

Deno.test("[remote.busy] a call cancelled while the server is busy is not repeated", async () => {
  await using server = await FakeHttpServer.start(respondBusy(9, 429, "1", "tools/call"));
  await using fixture = createRemoteFixture(server.url);
  const controller = new AbortController();
  const call = fixture.call("echo", { signal: controller.signal });
  call.catch(() => {});
  await waitUntil("the call has arrived", () => server.countRequests("tools/call") === 1);
  controller.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  await waitUntil(
    "the call is cancelled",
    () => server.countRequests("notifications/cancelled") === 1,
  );
  // Retry-After is 1 s.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(server.countRequests("tools/call"), 1);
});
