import assert from "node:assert/strict";
import { RedirectListener } from "../../src/downstream/oauth/redirect_listener.ts";
import { waitUntil } from "../e2e/wait.ts";

const DONE = { title: "Done", text: "It is <over>." };

/** A connection to a listener, which any program on this machine can open. */
class Caller implements Disposable {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect({ uri }: RedirectListener): Promise<Caller> {
    const { hostname, port } = new URL(uri);
    return new Caller(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends some text, and returns the complete response. */
  async say(...parts: readonly string[]): Promise<string> {
    try {
      for (const part of parts) {
        await this.#connection.write(new TextEncoder().encode(part));
        await new Promise((resolve) => setTimeout(resolve));
      }
    } catch {
      // The listener closed the connection early.
    }
    return await this.hear();
  }

  /** Reads until the connection is closed. */
  async hear(): Promise<string> {
    const decoder = new TextDecoder();
    let heard = "";
    const chunk = new Uint8Array(4096);
    try {
      for (let size; (size = await this.#connection.read(chunk)) !== null;) {
        heard += decoder.decode(chunk.subarray(0, size));
      }
    } catch (error) {
      // The listener closed the connection with unread data.
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    return heard;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

Deno.test("[oauth.checks] the listener accepts one kind of request, in any chunks", async () => {
  await using listener = new RedirectListener("state-1", 0);
  listener.showPage(DONE);
  const good = "GET /callback?state=state-1&code=c HTTP/1.1\r\nhost: x\r\n\r\n";
  for (
    const pieces of [[good], [...good], [good.slice(0, -1), "\n"], [good.slice(0, -3), "\n\r\n"]]
  ) {
    using caller = await Caller.connect(listener);
    const heard = await caller.say(...pieces);
    assert.match(heard, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(heard, /\r\nconnection: close\r\n\r\n<!doctype html>.*It is &#60;over&#62;/s);
  }
  assert.equal((await listener.redirectQuery).get("code"), "c");
});

Deno.test("[oauth.checks] the listener ignores all other input", async () => {
  await using listener = new RedirectListener("state-1", 0);
  let isAnswered = false;
  void listener.redirectQuery.then(() => isAnswered = true);
  const odd = [
    "POST /callback?state=state-1&code=c HTTP/1.1\r\n\r\n",
    "GET /other?state=state-1&code=c HTTP/1.1\r\n\r\n",
    "GET http://evil.test/callback?state=state-1&code=c HTTP/1.1\r\n\r\n",
    "GET /callback?state=state-1 HTTP/1.1 x\r\n\r\n",
    "\u0016\u0003\u0001 hello\r\n\r\n",
    "\r\n\r\n",
  ];
  for (const request of odd) {
    using caller = await Caller.connect(listener);
    assert.match(await caller.say(request), /^HTTP\/1\.1 404 Not Found\r\n/, request);
  }
  for (const query of ["", "?state=", "?state=state-2&state=state-1", "?State=state-1"]) {
    using caller = await Caller.connect(listener);
    const heard = await caller.say(`GET /callback${query} HTTP/1.1\r\n\r\n`);
    assert.match(heard, /^HTTP\/1\.1 400 Bad Request\r\n.*Not this login/s);
  }
  using endless = await Caller.connect(listener);
  const heard = await endless.say("GET /callback", ...Array(40).fill("x".repeat(4096)));
  assert.doesNotMatch(heard, /200 OK/);
  assert.equal(isAnswered, false);
});

Deno.test("[oauth.checks] silent connections neither block the browser nor outlive the login", async () => {
  const listener = new RedirectListener("state-1", 0);
  const silent: Caller[] = [];
  for (let count = 0; count < 100; count++) silent.push(await Caller.connect(listener));
  const page = fetch(`${listener.uri}?state=state-1&code=c`).then((response) => response.text());
  assert.equal((await listener.redirectQuery).get("code"), "c");
  for (let count = 0; count < 100; count++) silent.push(await Caller.connect(listener));
  listener.showPage(DONE);
  assert.match(await page, /It is &#60;over&#62;/);
  const started = performance.now();
  await listener[Symbol.asyncDispose]();
  assert.ok(performance.now() - started < 900, "it waits for no connection");
  for (const caller of silent) {
    assert.equal(await caller.hear(), "");
    caller[Symbol.dispose]();
  }
  await waitUntil("the port is free again", () => {
    return Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(listener.uri).port) })
      .then((connection) => void connection.close(), () => true);
  });
});
