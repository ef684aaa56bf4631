import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { RawConnection, sendRaw } from "./raw_http.ts";
import { EventReader, HttpFixture, request } from "./http_fixture.ts";

const INITIALIZE = JSON.stringify(request("initialize"));

/** Writes a POST request with the required headers. */
function post(headers: readonly string[], body = INITIALIZE, first = "POST /mcp HTTP/1.1"): string {
  const all = ["Content-Type: application/json", "Connection: close", ...headers];
  const length = headers.some((header) => /^(content-length|transfer-encoding)/i.test(header))
    ? []
    : [`Content-Length: ${body.length}`];
  return [first, ...all, ...length, "", body].join("\r\n");
}

Deno.test("requests that the listener accepts and refuses", async (t) => {
  await using fixture = await HttpFixture.open({
    settings: { allowedHosts: ["gateway.example"], corsOrigins: ["https://app.example"] },
  });
  const host = `Host: 127.0.0.1:${fixture.port}`;
  const status = async (...headers: string[]) => {
    return (await sendRaw(fixture.port, post(headers))).status;
  };

  await t.step("[http.host] hosts that are not the gateway's are refused", async () => {
    for (
      const name of ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "gateway.example.evil"]
    ) {
      assert.equal(await status(`Host: ${name}`), 403, name);
      assert.equal(await status(`Host: ${name}:${fixture.port}`), 403, name);
    }
    for (const name of ["localhost:1", "127.0.0.1", "[::1]:80", "gateway.example:443"]) {
      assert.equal(await status(`Host: ${name}`), 200, name);
    }
  });

  await t.step("[http.host] an invalid host is refused, not an internal error", async () => {
    const names = ["999.999.999.999", "127.0.0.999", "127.0.0.1:99999", "[::::]", "xn--a"];
    for (const name of names) {
      assert.equal(await status(`Host: ${name}`), 400, name);
      const health = post([`Host: ${name}`], "", "GET /health HTTP/1.1");
      assert.equal((await sendRaw(fixture.port, health)).status, 400, name);
    }
    assert.deepEqual(fixture.log, []);
  });

  await t.step("[http.origin] pages of other origins are refused, programs are not", async () => {
    for (const origin of ["https://evil.example", "null", "https://app.example.evil", "file://"]) {
      assert.equal(await status(host, `Origin: ${origin}`), 403, origin);
    }
    for (const origin of ["https://app.example", "http://localhost:3000"]) {
      assert.equal(await status(host, `Origin: ${origin}`), 200, origin);
    }
  });

  await t.step(
    "[http.cors] pages of listed origins may read the answers, others may not",
    async () => {
      const ask = async (origin: string) => {
        const response = await fixture.send("OPTIONS", undefined, {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "mcp-session-id",
        });
        await response.body?.cancel();
        return response.headers;
      };
      const allowed = await ask("https://app.example");
      assert.equal(allowed.get("access-control-allow-origin"), "https://app.example");
      assert.match(allowed.get("access-control-allow-headers") ?? "", /Mcp-Session-Id/);
      for (const origin of ["https://evil.example", "http://localhost:3000"]) {
        assert.equal((await ask(origin)).get("access-control-allow-origin"), null);
      }
      const page = { origin: "https://app.example" };
      const response = await fixture.send("POST", request("initialize"), page);
      assert.equal(response.headers.get("access-control-allow-origin"), "https://app.example");
      assert.match(response.headers.get("access-control-expose-headers") ?? "", /Mcp-Session-Id/);
      await response.text();
    },
  );

  await t.step("[http.paths] only exact paths exist, in any encoding", async () => {
    const tricks = [
      "/",
      "/mcp/",
      "//mcp",
      "/MCP",
      "/./mcp",
      "/x/../mcp",
      "/%6dcp",
      "/mcp%2f",
      "/mcp;x",
      "/mcp%00",
      "/mcp\\",
      "/health/../mcp",
      "http://evil.example/mcp",
      "/metrics/..;/mcp",
      "*",
    ];
    for (const path of tricks) {
      const { status } = await sendRaw(
        fixture.port,
        post([host], INITIALIZE, `POST ${path} HTTP/1.1`),
      );
      assert.ok(status === 404 || status === 400, `${path}: ${status}`);
    }
    assert.equal(fixture.clients.length, 7);
  });

  await t.step("[http.health] HEAD requests of monitors are answered", async () => {
    const head = async (path: string) => {
      return (await sendRaw(fixture.port, post([host], "", `HEAD ${path} HTTP/1.1`))).text;
    };
    for (const path of ["/health", "/ready"]) {
      assert.match(await head(path), /^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
    }
    assert.match(await head("/mcp"), /^HTTP\/1\.1 405 [^]*allow: GET, POST, DELETE/);
  });

  await t.step("[http.headers] answers forbid caching, framing and content sniffing", async () => {
    for (const path of ["/mcp", "/health", "/nothing"]) {
      const text = post([host], INITIALIZE, `POST ${path} HTTP/1.1`);
      const { text: answer } = await sendRaw(fixture.port, text);
      for (const header of [/^cache-control: no-store/mi, /^x-content-type-options: nosniff/mi]) {
        assert.match(answer, header);
      }
      assert.doesNotMatch(
        answer,
        /^(server|x-powered-by):|deno|hono|node|\.ts\b|\d+\.\d+\.\d+\.\d+.*at /mi,
      );
    }
  });
});

/** Ambiguous requests, each followed by a hidden one in the same bytes. */
const SMUGGLED: Readonly<Record<string, readonly string[]>> = {
  "both lengths": ["Content-Length: 4", "Transfer-Encoding: chunked"],
  "two lengths": ["Content-Length: 4", "Content-Length: 40"],
  "a length with a sign": ["Content-Length: +4"],
  "a negative length": ["Content-Length: -1"],
  "a list of lengths": ["Content-Length: 4, 4"],
  "another coding": ["Transfer-Encoding: xchunked"],
  "two codings": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
  "a blank before the colon": ["Transfer-Encoding : chunked"],
  "a folded header": ["X: a\r\n Content-Length: 4"],
  "two hosts": ["Host: evil.example"],
  "two credentials": ["Authorization: Bearer a", "Authorization: Bearer b"],
  "two sessions": ["Mcp-Session-Id: a", "Mcp-Session-Id: b"],
};

Deno.test("request smuggling", async (t) => {
  await using fixture = await HttpFixture.open();
  const host = `Host: 127.0.0.1:${fixture.port}`;
  const inner = `GET /health HTTP/1.1\r\n${host}\r\n\r\n`;
  for (const [what, headers] of Object.entries(SMUGGLED)) {
    await t.step(`[http.smuggling] ${what}`, async () => {
      const text = post([host, ...headers], `0\r\n\r\n${inner}`);
      const { status, text: answer } = await sendRaw(fixture.port, text);
      assert.equal(status, 400, answer);
      assert.equal(answer.match(/^HTTP/mg)?.length, 1, "nothing but one refusal");
    });
  }

  await t.step(
    "[http.smuggling] a missing host, bare line feeds, and text that is not HTTP",
    async () => {
      const texts = [
        "GET /health HTTP/1.1\r\n\r\n",
        `GET /health HTTP/1.1\n${host}\n\n`,
        "\x16\x03\r\n\r\n",
      ];
      for (const text of texts) assert.equal((await sendRaw(fixture.port, text)).status, 400, text);
    },
  );

  await t.step(
    "[http.smuggling] pipelined requests on one connection are answered in order",
    async () => {
      using connection = await RawConnection.open(fixture.port);
      const session = await fixture.initialize();
      const id = session.headers["mcp-session-id"];
      const call = (number: number) => {
        const body = JSON.stringify(request("wait", number));
        const headers = [host, `Mcp-Session-Id: ${id}`, `Content-Length: ${body.length}`];
        return ["POST /mcp HTTP/1.1", "Content-Type: application/json", ...headers, "", body].join(
          "\r\n",
        );
      };
      for (let number = 0; number < 40; number++) {
        await connection.send(call(number)).catch(
          () => {},
        );
      }
      await connection.readAll();
      const [client] = fixture.clients;
      assert.ok(client && client.heldCalls.length <= 16, "most of them were never taken");
    },
  );
});

Deno.test("requests that are too large or too slow", async (t) => {
  const limits = {
    headersMs: 300,
    requestMs: 600,
    headerBytes: 4096,
    bodyBytes: 1024 * 1024,
    firstBodyBytes: 1000,
    allBodiesBytes: 3 * 1024 * 1024,
    connections: 40,
    unread: 100_000,
    stalledMs: 300,
    streamAfterMs: 20,
  };
  await using fixture = await HttpFixture.open({ limits });
  const host = `Host: 127.0.0.1:${fixture.port}`;
  const session = await fixture.initialize();
  const works = async () => assert.equal((await fixture.initialize()) !== undefined, true);

  await t.step("[http.body-limit] a long body is refused before it is read", async () => {
    using connection = await RawConnection.open(fixture.port);
    const id = `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`;
    await connection.send(post([host, id, "Content-Length: 80000000"], ""));
    assert.ok(await connection.readUntil((text) => text.includes("larger than the limit")));
    assert.equal(connection.answer.status, 413);
  });

  await t.step("[http.body-limit] a long body without Content-Length is refused", async () => {
    using connection = await RawConnection.open(fixture.port);
    const id = `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`;
    await connection.send(post([host, id, "Transfer-Encoding: chunked"], ""));
    const piece = `10000\r\n${"x".repeat(65536)}\r\n`;
    for (let sent = 0; sent < 20; sent++) await connection.send(piece).catch(() => {});
    assert.ok(await connection.readUntil((text) => text.includes("larger than the limit")));
    assert.equal(connection.answer.status, 413);
  });

  await t.step("[http.body-limit] the limit is lower for a client without a session", async () => {
    const response = await fixture.send("POST", request("initialize", 1, { x: "x".repeat(2000) }));
    assert.equal(response.status, 413);
    await response.text();
  });

  await t.step("[http.body-limit] the bodies of all clients have a common limit", async () => {
    const id = `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`;
    const open: RawConnection[] = [];
    for (let number = 0; number < 4; number++) {
      const connection = await RawConnection.open(fixture.port);
      open.push(connection);
      await connection.send(post([host, id, "Content-Length: 1000000"], "x".repeat(990_000)));
    }
    const [, , , last] = open;
    assert.ok(last && await last.readUntil((text) => text.includes("HTTP/1.1")));
    assert.equal(last.answer.status, 503);
    for (const connection of open) connection[Symbol.dispose]();
  });

  await t.step(
    "[http.header-limit] long headers and many headers are refused with 431",
    async () => {
      for (const header of [`X: ${"x".repeat(5000)}`, ...["A: b\r\n".repeat(1000).trimEnd()]]) {
        assert.equal((await sendRaw(fixture.port, post([host, header]))).status, 431);
      }
    },
  );

  await t.step("[http.slow] slow headers and bodies are answered with 408", async () => {
    const texts = ["", "POST /mcp HT", post([host, "Content-Length: 500"], "{")];
    const answers = await Promise.all(texts.map((text) => sendRaw(fixture.port, text)));
    assert.deepEqual(answers.map(({ status }) => status), [408, 408, 408]);
  });

  await t.step("[http.slow-reader] a client that reads nothing is disconnected", async () => {
    using connection = await RawConnection.open(fixture.port);
    const id = `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`;
    const body = JSON.stringify(request("fill", 1, { size: 20_000_000 }));
    await connection.send(post([host, id, "Accept: */*"], body));
    const before = fixture.service.connectionCount;
    // It begins to read only after the connection was closed.
    await waitUntil("it is given up", () => fixture.service.connectionCount < before);
    await connection.readAll();
    assert.ok(connection.answer.text.length < 20_000_000);
    await works();
  });

  await t.step(
    "[http.slow-reader] a client that does not read its stream is disconnected",
    async () => {
      using connection = await RawConnection.open(fixture.port);
      const id = `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`;
      const body = JSON.stringify(request("flood", 2, { size: 1_000_000 }));
      await connection.send(post([host, id, "Accept: */*"], body));
      assert.equal(await connection.readUntil((text) => text.length > 50_000_000), false);
      await works();
    },
  );

  await t.step(
    "[http.connections] the number and duration of connections are limited",
    async () => {
      const open = await Promise.all(
        Array.from({ length: 300 }, () => RawConnection.open(fixture.port)),
      );
      await Promise.all(open.map((connection) => connection.send("POST /m").catch(() => {})));
      const answers = await Promise.all(open.map((connection) => connection.readAll()));
      const statuses = new Set(answers.map(({ status }) => status));
      assert.deepEqual([...statuses].toSorted(), [0, 408]);
      const served = answers.filter(({ status }) => status === 408).length;
      assert.ok(served <= limits.connections, `${served} connections were admitted`);
      for (const connection of open) connection[Symbol.dispose]();
      await waitUntil("the service answers again", async () => {
        return await works().then(() => true, () => false);
      });
    },
  );
  await new EventReader(await session.get()).cancel();
});

Deno.test("[http.slow-readers] the unread answers of all clients have a common limit", async () => {
  const allQueuedBytes = 25_000_000;
  await using fixture = await HttpFixture.open({ limits: { allQueuedBytes } });
  const session = await fixture.initialize();
  const ask = async (id: number) => {
    const connection = await RawConnection.open(fixture.port);
    const body = JSON.stringify(request("fill", id, { size: 20_000_000 }));
    const to = [
      `Host: 127.0.0.1:${fixture.port}`,
      `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`,
    ];
    await connection.send(post(to, body));
    return connection;
  };
  using first = await ask(1);
  await first.readUntil((text) => text.includes("200 OK"));
  const before = fixture.service.connectionCount;
  using second = await ask(2);
  assert.ok(await second.readUntil((text) => text.includes("200 OK")));
  await waitUntil(
    "the client that is behind longest is disconnected",
    () => fixture.service.connectionCount <= before,
  );
  assert.ok((await first.readAll()).text.length < 20_000_000);
  assert.ok(
    (await second.readAll()).text.length > 20_000_000,
    "The other client receives its whole answer",
  );
});

Deno.test("[http.stolen-session] a session that ends while a message arrives does not accept it", async () => {
  await using fixture = await HttpFixture.open();
  for (const last of ["\xff", "1"]) {
    const session = await fixture.initialize();
    using connection = await RawConnection.open(fixture.port);
    const to = [
      `Host: 127.0.0.1:${fixture.port}`,
      `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`,
    ];
    await connection.send(post([...to, "Content-Length: 2"], "1"));
    assert.equal(await session.delete(), 204);
    await connection.send(last === "1" ? last : new Uint8Array([0xff]));
    assert.equal((await connection.readAll()).status, 404);
  }
});
