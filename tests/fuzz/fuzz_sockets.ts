import assert from "node:assert/strict";
import { RedirectListener } from "../../src/downstream/oauth/redirect_listener.ts";
import { HttpFixture } from "../gateway/http/http_fixture.ts";
import type { FuzzTarget } from "./fuzz_parsers.ts";

/** Time to wait for an answer to an unfinished request, in milliseconds. */
const ANSWER_MS = 20;

/** The state of a login, which no input contains. */
const LOGIN_STATE = crypto.randomUUID();

/**
 * Sends bytes on a new connection to a port of this machine, and returns the beginning of the answer. It
 * is empty if the other side waits for more, or closes the connection.
 */
async function exchange(port: number, input: Uint8Array<ArrayBuffer>): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(1024);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (let at = 0; at < input.length;) at += await connection.write(input.subarray(at));
    timer = setTimeout(() => connection.closeWrite().catch(() => {}), ANSWER_MS);
    const count = await connection.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, count));
  } catch (error) {
    const isClosed = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.ConnectionAborted;
    if (!isClosed) throw error;
    return "";
  } finally {
    clearTimeout(timer);
  }
}

function checkStatus(answer: string): void {
  if (answer === "") return;
  const [, status = ""] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? [];
  assert.match(status, /^(?:[1-4]\d\d|501|503|505)$/, answer.slice(0, 200));
}

const HTTP_WORDS = [
  ...[
    "GET ",
    "POST ",
    "DELETE ",
    "/mcp",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
  ],
  ...[
    "Host: 127.0.0.1\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "0\r\n\r\n",
  ],
  ...["Content-Type: application/json\r\n", "Mcp-Session-Id: x\r\n", "Last-Event-ID: 1-1\r\n"],
  ...["Expect: 100-continue\r\n", "Upgrade: h2c\r\nConnection: upgrade\r\n", "5;x=y\r\nhello\r\n"],
];

/** The parsers behind a socket. */
export const SOCKET_TARGETS: readonly FuzzTarget[] = [
  {
    name: "http",
    title: "no request makes the HTTP service fail, and a session still works afterwards",
    words: [...HTTP_WORDS, '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}'],
    async open() {
      const fixture = await HttpFixture.open({ limits: { headersMs: 1000, requestMs: 1000 } });
      const session = await fixture.initialize();
      return {
        check: async (input) => checkStatus(await exchange(fixture.port, input)),
        async [Symbol.asyncDispose]() {
          const response = await session.post({
            jsonrpc: "2.0",
            id: 7,
            method: "echo",
            params: { a: 1 },
          });
          assert.equal(response.status, 200);
          assert.match(await response.text(), /"a":1/);
          await fixture[Symbol.asyncDispose]();
        },
      };
    },
  },
  {
    name: "redirects",
    title: "no request without a login's state ends the login, and the right one does",
    words: [...HTTP_WORDS, "/callback", "?code=1", "&state=", "&error=x", "&iss=", "%00", "%", "#"],
    open() {
      const listener = new RedirectListener(LOGIN_STATE, 0);
      const port = Number(new URL(listener.uri).port);
      let hasEnded = false;
      void listener.redirectQuery.then(() => hasEnded = true);
      return Promise.resolve({
        async check(input) {
          checkStatus(await exchange(port, input));
          assert.equal(hasEnded, false);
        },
        async [Symbol.asyncDispose]() {
          listener.showPage({ title: "Done", text: "Done" });
          const target = `/callback?code=1&state=${LOGIN_STATE}`;
          const request = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
          assert.match(await exchange(port, new TextEncoder().encode(request)), /^HTTP\/1\.1 200 /);
          assert.equal((await listener.redirectQuery).get("code"), "1");
          await listener[Symbol.asyncDispose]();
        },
      });
    },
  },
];
