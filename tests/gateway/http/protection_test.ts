import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { AuthenticatorFixture, sha256 } from "./authenticator_fixture.ts";
import { RawConnection, sendRaw } from "./raw_http.ts";
import { EventReader, HttpFixture, request } from "./http_fixture.ts";

const INITIALIZE = JSON.stringify(request("initialize"));

/** Returns the text of a request with the required headers. */
function writeRequest(
  headers: readonly string[],
  body = INITIALIZE,
  requestLine = "POST /mcp HTTP/1.1",
): string {
  const allHeaders = ["Content-Type: application/json", "Connection: close", ...headers];
  const lengthHeader = headers.some((header) => /^(content-length|transfer-encoding)/i.test(header))
    ? []
    : [`Content-Length: ${body.length}`];
  return [requestLine, ...allHeaders, ...lengthHeader, "", body].join("\r\n");
}

Deno.test("[tenants.metrics] the records name the metrics as what a gateway with credentials refused", async () => {
  const rules = { agents: { a: { token_sha256: [sha256("amg_one")] } } };
  const { authenticator } = await AuthenticatorFixture.open(rules);
  await using fixture = await HttpFixture.open({ authenticator });
  const response = await fetch(new URL("/metrics", fixture.url));
  assert.equal(response.status, 403);
  await response.body?.cancel();
  assert.deepEqual(fixture.refused, ["403 metrics"]);
});

Deno.test("[http.metrics] the token of the metrics may have any visible ASCII character", async () => {
  const metricsToken = "!\"#$%&'()*,:;<=>?@[]";
  await using fixture = await HttpFixture.open({ settings: { metricsToken } });
  const headers = { authorization: `Bearer ${metricsToken}` };
  const response = await fetch(new URL("/metrics", fixture.url), { headers });
  assert.equal(await response.text(), "figures 1\n");
});

Deno.test("requests that the listener accepts and refuses", async (t) => {
  await using fixture = await HttpFixture.open({
    settings: { allowedHosts: ["gateway.example"], corsOrigins: ["https://app.example"] },
  });
  const host = `Host: 127.0.0.1:${fixture.port}`;
  const requestStatus = async (...headers: string[]) => {
    return (await sendRaw(fixture.port, writeRequest(headers))).status;
  };

  await t.step("[http.host] hosts that are not the gateway's are refused", async () => {
    for (
      const name of ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "gateway.example.evil"]
    ) {
      assert.equal(await requestStatus(`Host: ${name}`), 403, name);
      assert.equal(await requestStatus(`Host: ${name}:${fixture.port}`), 403, name);
    }
    for (const name of ["localhost:1", "127.0.0.1", "[::1]:80", "gateway.example:443"]) {
      assert.equal(await requestStatus(`Host: ${name}`), 200, name);
    }
  });

  await t.step("[http.host] an invalid host is answered with 400", async () => {
    const names = ["999.999.999.999", "127.0.0.999", "127.0.0.1:99999", "[::::]", "xn--a"];
    for (const name of names) {
      assert.equal(await requestStatus(`Host: ${name}`), 400, name);
      const health = writeRequest([`Host: ${name}`], "", "GET /health HTTP/1.1");
      assert.equal((await sendRaw(fixture.port, health)).status, 400, name);
    }
    assert.deepEqual(fixture.log, []);
  });

  const originTitle =
    "[http.origin] requests from web pages are refused, except from listed origins and from loopback";
  await t.step(originTitle, async () => {
    for (const origin of ["https://evil.example", "null", "https://app.example.evil", "file://"]) {
      assert.equal(await requestStatus(host, `Origin: ${origin}`), 403, origin);
    }
    for (const origin of ["https://app.example", "http://localhost:3000"]) {
      assert.equal(await requestStatus(host, `Origin: ${origin}`), 200, origin);
    }
  });

  await t.step(
    "[http.cors] pages of listed origins may read the answers, others may not",
    async () => {
      const preflight = async (origin: string) => {
        const response = await fixture.send("OPTIONS", undefined, {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "mcp-session-id",
        });
        await response.body?.cancel();
        return response.headers;
      };
      const allowedHeaders = await preflight("https://app.example");
      assert.equal(allowedHeaders.get("access-control-allow-origin"), "https://app.example");
      assert.match(allowedHeaders.get("access-control-allow-headers") ?? "", /Mcp-Session-Id/);
      for (const origin of ["https://evil.example", "http://localhost:3000"]) {
        assert.equal((await preflight(origin)).get("access-control-allow-origin"), null);
      }
      const headers = { origin: "https://app.example" };
      const response = await fixture.send("POST", request("initialize"), headers);
      assert.equal(response.headers.get("access-control-allow-origin"), "https://app.example");
      assert.match(response.headers.get("access-control-expose-headers") ?? "", /Mcp-Session-Id/);
      await response.text();
    },
  );

  await t.step("[http.paths] only the exact path /mcp is served", async () => {
    const otherPaths = [
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
    const sessionCount = fixture.gatewaySessions.length;
    for (const path of otherPaths) {
      const { status } = await sendRaw(
        fixture.port,
        writeRequest([host], INITIALIZE, `POST ${path} HTTP/1.1`),
      );
      assert.ok(status === 404 || status === 400, `${path}: ${status}`);
    }
    assert.equal(
      fixture.gatewaySessions.length,
      sessionCount,
      "A request for another path opened a session",
    );
  });

  await t.step("[http.health] HEAD requests for /health and /ready are answered", async () => {
    const sendHead = async (path: string) => {
      return (await sendRaw(fixture.port, writeRequest([host], "", `HEAD ${path} HTTP/1.1`))).text;
    };
    for (const path of ["/health", "/ready"]) {
      assert.match(await sendHead(path), /^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
    }
    assert.match(await sendHead("/mcp"), /^HTTP\/1\.1 405 [^]*allow: GET, POST, DELETE/);
  });

  await t.step(
    "[http.headers] answers forbid caching and content sniffing, and do not name the software",
    async () => {
      for (const path of ["/mcp", "/health", "/nothing"]) {
        const text = writeRequest([host], INITIALIZE, `POST ${path} HTTP/1.1`);
        const { text: answer } = await sendRaw(fixture.port, text);
        for (const header of [/^cache-control: no-store/mi, /^x-content-type-options: nosniff/mi]) {
          assert.match(answer, header);
        }
        assert.doesNotMatch(
          answer,
          /^(server|x-powered-by):|deno|hono|node|\.ts\b|\d+\.\d+\.\d+\.\d+.*at /mi,
        );
      }
    },
  );
});

/** Headers that make the end or the sender of a request ambiguous. */
const AMBIGUOUS_HEADERS: Readonly<Record<string, readonly string[]>> = {
  "Content-Length and Transfer-Encoding": ["Content-Length: 4", "Transfer-Encoding: chunked"],
  "two lengths": ["Content-Length: 4", "Content-Length: 40"],
  "a length with a sign": ["Content-Length: +4"],
  "a negative length": ["Content-Length: -1"],
  "a list of lengths": ["Content-Length: 4, 4"],
  "an unknown transfer coding": ["Transfer-Encoding: xchunked"],
  "two transfer codings": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
  "a space before the colon": ["Transfer-Encoding : chunked"],
  "a folded header": ["X: a\r\n Content-Length: 4"],
  "two hosts": ["Host: evil.example"],
  "two credentials": ["Authorization: Bearer a", "Authorization: Bearer b"],
  "two sessions": ["Mcp-Session-Id: a", "Mcp-Session-Id: b"],
};

Deno.test("ambiguous requests", async (t) => {
  await using fixture = await HttpFixture.open();
  const host = `Host: 127.0.0.1:${fixture.port}`;
  const hiddenRequest = `GET /health HTTP/1.1\r\n${host}\r\n\r\n`;
  for (const [description, headers] of Object.entries(AMBIGUOUS_HEADERS)) {
    await t.step(
      `[http.smuggling] a request with ${description} is refused, and hides no other request`,
      async () => {
        const text = writeRequest([host, ...headers], `0\r\n\r\n${hiddenRequest}`);
        const { status, text: answer } = await sendRaw(fixture.port, text);
        assert.equal(status, 400, answer);
        assert.equal(answer.match(/^HTTP/mg)?.length, 1, "The listener answered more than once");
      },
    );
  }

  await t.step(
    "[http.smuggling] a request without a host, with bare line feeds or in another protocol is refused",
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
    "[http.smuggling] the first 16 pipelined requests of a connection are accepted, and no others",
    async () => {
      using connection = await RawConnection.open(fixture.port);
      const session = await fixture.initialize();
      const id = session.headers["mcp-session-id"];
      const writeCall = (number: number) => {
        const body = JSON.stringify(request("wait", number));
        const headers = [host, `Mcp-Session-Id: ${id}`, `Content-Length: ${body.length}`];
        return ["POST /mcp HTTP/1.1", "Content-Type: application/json", ...headers, "", body].join(
          "\r\n",
        );
      };
      for (let number = 0; number < 16; number++) await connection.send(writeCall(number));
      const [gatewaySession] = fixture.gatewaySessions;
      await waitUntil("16 calls are accepted", () => gatewaySession?.heldCalls.length === 16);
      for (let number = 16; number < 40; number++) {
        // The listener may close the connection before all calls are sent.
        await connection.send(writeCall(number)).catch(() => {});
      }
      await connection.readAll();
      assert.equal(gatewaySession?.heldCalls.length, 16);
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
    connections: 40,
    unread: 100_000,
    stalledMs: 300,
    streamAfterMs: 20,
  };
  await using fixture = await HttpFixture.open({ limits, maxMemory: 12 * 1024 * 1024 });
  const host = `Host: 127.0.0.1:${fixture.port}`;
  const session = await fixture.initialize();
  const sessionHeader = `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`;
  const assertWorking = async () => assert.ok(await fixture.initialize());

  await t.step("[http.body-limit] a long body is refused before it is read", async () => {
    using connection = await RawConnection.open(fixture.port);
    await connection.send(writeRequest([host, sessionHeader, "Content-Length: 80000000"], ""));
    assert.ok(await connection.readUntil((text) => text.includes("larger than the limit")));
    assert.equal(connection.answer.status, 413);
  });

  await t.step("[http.body-limit] a long body without Content-Length is refused", async () => {
    using connection = await RawConnection.open(fixture.port);
    await connection.send(writeRequest([host, sessionHeader, "Transfer-Encoding: chunked"], ""));
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    for (let number = 0; number < 20; number++) await connection.send(chunk).catch(() => {});
    assert.ok(await connection.readUntil((text) => text.includes("larger than the limit")));
    assert.equal(connection.answer.status, 413);
  });

  await t.step("[http.body-limit] the limit is lower for a client without a session", async () => {
    const response = await fixture.send("POST", request("initialize", 1, { x: "x".repeat(2000) }));
    assert.equal(response.status, 413);
    await response.text();
  });

  await t.step("[http.body-limit] the bodies of all clients have a common limit", async () => {
    const connections: RawConnection[] = [];
    for (let number = 0; number < 4; number++) {
      const connection = await RawConnection.open(fixture.port);
      connections.push(connection);
      await connection.send(
        writeRequest([host, sessionHeader, "Content-Length: 1000000"], "x".repeat(990_000)),
      );
    }
    const lastConnection = connections.at(-1);
    assert.ok(await lastConnection?.readUntil((text) => text.includes("HTTP/1.1")));
    assert.equal(lastConnection?.answer.status, 503);
    for (const connection of connections) connection[Symbol.dispose]();
  });

  await t.step(
    "[http.header-limit] long headers and many headers are refused with 431",
    async () => {
      for (const header of [`X: ${"x".repeat(5000)}`, "A: b\r\n".repeat(1000).trimEnd()]) {
        assert.equal((await sendRaw(fixture.port, writeRequest([host, header]))).status, 431);
      }
    },
  );

  await t.step("[http.slow] slow headers and bodies are answered with 408", async () => {
    const texts = ["", "POST /mcp HT", writeRequest([host, "Content-Length: 500"], "{")];
    const answers = await Promise.all(texts.map((text) => sendRaw(fixture.port, text)));
    assert.deepEqual(answers.map(({ status }) => status), [408, 408, 408]);
  });

  await t.step("[http.slow-reader] a client that reads nothing is disconnected", async () => {
    using connection = await RawConnection.open(fixture.port);
    const body = JSON.stringify(request("fill", 1, { size: 20_000_000 }));
    await connection.send(writeRequest([host, sessionHeader, "Accept: */*"], body));
    const connectionCount = fixture.service.connectionCount;
    // The client begins to read only after the gateway has closed the connection.
    await waitUntil(
      "the gateway closes the connection",
      () => fixture.service.connectionCount < connectionCount,
    );
    await connection.readAll();
    assert.ok(connection.answer.text.length < 20_000_000);
    await assertWorking();
  });

  await t.step(
    "[http.slow-reader] a client that does not read its stream is disconnected",
    async () => {
      using connection = await RawConnection.open(fixture.port);
      const body = JSON.stringify(request("flood", 2, { size: 1_000_000 }));
      await connection.send(writeRequest([host, sessionHeader, "Accept: */*"], body));
      assert.equal(await connection.readUntil((text) => text.length > 50_000_000), false);
      await assertWorking();
    },
  );

  await t.step(
    "[http.connections] the number and duration of connections are limited",
    async () => {
      const connections = await Promise.all(
        Array.from({ length: 300 }, () => RawConnection.open(fixture.port)),
      );
      await Promise.all(
        connections.map((connection) => connection.send("POST /m").catch(() => {})),
      );
      const answers = await Promise.all(connections.map((connection) => connection.readAll()));
      const statuses = new Set(answers.map(({ status }) => status));
      assert.deepEqual([...statuses].toSorted(), [0, 408]);
      const admittedCount = answers.filter(({ status }) => status === 408).length;
      assert.ok(admittedCount <= limits.connections, `${admittedCount} connections were admitted`);
      for (const connection of connections) connection[Symbol.dispose]();
      await waitUntil("the service answers again", async () => {
        return await assertWorking().then(() => true, () => false);
      });
    },
  );
  // The session still works.
  await new EventReader(await session.get()).cancel();
});

Deno.test("[http.slow-readers] the unread answers of all clients have a common limit", async () => {
  const allQueuedBytes = 25_000_000;
  await using fixture = await HttpFixture.open({ limits: { allQueuedBytes } });
  const session = await fixture.initialize();
  const requestLongAnswer = async (id: number) => {
    const connection = await RawConnection.open(fixture.port);
    const body = JSON.stringify(request("fill", id, { size: 20_000_000 }));
    const headers = [
      `Host: 127.0.0.1:${fixture.port}`,
      `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`,
    ];
    await connection.send(writeRequest(headers, body));
    return connection;
  };
  using firstConnection = await requestLongAnswer(1);
  await firstConnection.readUntil((text) => text.includes("200 OK"));
  const connectionCount = fixture.service.connectionCount;
  using secondConnection = await requestLongAnswer(2);
  assert.ok(await secondConnection.readUntil((text) => text.includes("200 OK")));
  await waitUntil(
    "the client whose answer has waited longest is disconnected",
    () => fixture.service.connectionCount <= connectionCount,
  );
  assert.ok((await firstConnection.readAll()).text.length < 20_000_000);
  assert.ok(
    (await secondConnection.readAll()).text.length > 20_000_000,
    "The other client did not receive its whole answer",
  );
});

Deno.test("[http.stolen-session] a session that ends while a message arrives does not accept it", async () => {
  await using fixture = await HttpFixture.open();
  for (const lastByte of ["1", new Uint8Array([0xff])]) {
    const session = await fixture.initialize();
    using connection = await RawConnection.open(fixture.port);
    const headers = [
      `Host: 127.0.0.1:${fixture.port}`,
      `Mcp-Session-Id: ${session.headers["mcp-session-id"]}`,
    ];
    await connection.send(writeRequest([...headers, "Content-Length: 2"], "1"));
    assert.equal(await session.delete(), 204);
    await connection.send(lastByte);
    assert.equal((await connection.readAll()).status, 404);
  }
});
