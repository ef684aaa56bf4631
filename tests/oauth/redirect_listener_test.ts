import assert from "node:assert/strict";
import { RedirectListener } from "../../src/downstream/oauth/redirect_listener.ts";
import { waitUntil } from "../e2e/wait.ts";

const DONE = { title: "Done", text: "It is <over>." };

/** A TCP connection to the listener, as any program on this machine can open one. */
class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect({ uri }: RedirectListener): Promise<RawConnection> {
    const { hostname, port } = new URL(uri);
    return new RawConnection(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends a request in parts, and returns the complete response. */
  async sendAndRead(...parts: readonly string[]): Promise<string> {
    try {
      for (const part of parts) {
        await this.#connection.write(new TextEncoder().encode(part));
        await new Promise((resolve) => setTimeout(resolve));
      }
    } catch {
      // The listener closed the connection early.
    }
    return await this.readToEnd();
  }

  /** Reads until the connection is closed. */
  async readToEnd(): Promise<string> {
    const decoder = new TextDecoder();
    let response = "";
    const chunk = new Uint8Array(4096);
    try {
      for (let size; (size = await this.#connection.read(chunk)) !== null;) {
        response += decoder.decode(chunk.subarray(0, size));
      }
    } catch (error) {
      // The listener closed the connection with unread data.
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    return response;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

Deno.test("[oauth.checks] the listener accepts a redirect, however its bytes are split", async () => {
  await using listener = new RedirectListener("state-1", 0);
  listener.showPage(DONE);
  const request = "GET /callback?state=state-1&code=c HTTP/1.1\r\nhost: x\r\n\r\n";
  for (
    const parts of [
      [request],
      [...request],
      [request.slice(0, -1), "\n"],
      [request.slice(0, -3), "\n\r\n"],
    ]
  ) {
    using connection = await RawConnection.connect(listener);
    const response = await connection.sendAndRead(...parts);
    assert.match(response, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(response, /\r\nconnection: close\r\n\r\n<!doctype html>.*It is &#60;over&#62;/s);
  }
  assert.equal((await listener.redirectQuery).get("code"), "c");
});

Deno.test("[oauth.checks] the listener refuses all other input", async () => {
  await using listener = new RedirectListener("state-1", 0);
  let hasRedirect = false;
  void listener.redirectQuery.then(() => hasRedirect = true);
  const invalidRequests = [
    "POST /callback?state=state-1&code=c HTTP/1.1\r\n\r\n",
    "GET /other?state=state-1&code=c HTTP/1.1\r\n\r\n",
    "GET http://evil.test/callback?state=state-1&code=c HTTP/1.1\r\n\r\n",
    "GET /callback?state=state-1 HTTP/1.1 x\r\n\r\n",
    "\u0016\u0003\u0001 hello\r\n\r\n",
    "\r\n\r\n",
  ];
  for (const request of invalidRequests) {
    using connection = await RawConnection.connect(listener);
    assert.match(await connection.sendAndRead(request), /^HTTP\/1\.1 404 Not Found\r\n/, request);
  }
  for (const query of ["", "?state=", "?state=state-2&state=state-1", "?State=state-1"]) {
    using connection = await RawConnection.connect(listener);
    const response = await connection.sendAndRead(`GET /callback${query} HTTP/1.1\r\n\r\n`);
    assert.match(response, /^HTTP\/1\.1 400 Bad Request\r\n.*Not this login/s);
  }
  using endlessRequest = await RawConnection.connect(listener);
  const response = await endlessRequest.sendAndRead(
    "GET /callback",
    ...Array(40).fill("x".repeat(4096)),
  );
  assert.doesNotMatch(response, /200 OK/);
  assert.equal(hasRedirect, false);
});

Deno.test("[oauth.checks] connections without a request do not block the browser, and are closed with the login", async () => {
  const listener = new RedirectListener("state-1", 0);
  const silentConnections: RawConnection[] = [];
  for (let count = 0; count < 100; count++) {
    silentConnections.push(await RawConnection.connect(listener));
  }
  const page = fetch(`${listener.uri}?state=state-1&code=c`).then((response) => response.text());
  assert.equal((await listener.redirectQuery).get("code"), "c");
  for (let count = 0; count < 100; count++) {
    silentConnections.push(await RawConnection.connect(listener));
  }
  listener.showPage(DONE);
  assert.match(await page, /It is &#60;over&#62;/);
  const startMs = performance.now();
  await listener[Symbol.asyncDispose]();
  assert.ok(performance.now() - startMs < 900, "The listener waited for its connections");
  for (const connection of silentConnections) {
    assert.equal(await connection.readToEnd(), "");
    connection[Symbol.dispose]();
  }
  await waitUntil("the port is free again", () => {
    return Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(listener.uri).port) })
      .then((connection) => void connection.close(), () => true);
  });
});
