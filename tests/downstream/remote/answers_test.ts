import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { withTimeout } from "../../e2e/wait.ts";
import {
  answerCallsWith,
  answerText,
  FakeHttpServer,
  sendStream,
  startStream,
} from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const RESULT = { content: [] };

/** Unusable answers to a call, by description, and the expected error of each. */
const UNUSABLE_ANSWERS: Readonly<
  Record<string, readonly [Parameters<typeof answerCallsWith>[0], RegExp]>
> = {
  "a stream that ends at once": [
    (response) => void sendStream(response),
    /:\d+ ended its event stream without an answer \(HTTP 200, text\/event-stream\)\.$/,
  ],
  "a stream that ends after another message": [
    (response) => {
      const note = { jsonrpc: "2.0", method: "notifications/message", params: { data: 1 } };
      sendStream(response, JSON.stringify(note));
    },
    /:\d+ ended its event stream without an answer \(HTTP 200, text\/event-stream\)\.$/,
  ],
  "a stream that ends within a message": [
    (response) => {
      startStream(response, 'data: {"jsonrpc":"2.0","id":');
      response.end();
    },
    /:\d+ ended its event stream without an answer \(HTTP 200, text\/event-stream\)\.$/,
  ],
  "a stream with an answer to another request": [
    (response) => void sendStream(response, '{"jsonrpc":"2.0","id":987,"result":{}}'),
    /sent an answer with the id 987 instead of \d+ as its last event \(HTTP 200, [^)]+\): "\{.*\}"\.$/,
  ],
  "a stream with broken JSON": [
    (response) => void sendStream(response, '{"jsonrpc":"2.0",'),
    /sent broken JSON as its last event \(HTTP 200, text\/event-stream\): "\{.*,"\.$/,
  ],
  "JSON that is labelled as a stream": [
    (response, id) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    },
    /labelled JSON as an event stream \(HTTP 200, text\/event-stream\): "\{.*\}"\.$/,
  ],
  "a stream that is labelled as JSON": [
    (response, id) => sendBody(response, `data: {"jsonrpc":"2.0","id":${id},"result":{}}\n\n`),
    /answered with an event stream that is not labelled as one \(HTTP 200, application\/json\): "/,
  ],
  "200 with nothing": [
    (response) => void response.writeHead(200).end(),
    /:\d+ answered with an empty body \(HTTP 200, no content type\)\.$/,
  ],
  "200 with white space labelled as JSON": [
    (response) => sendBody(response, " \n"),
    /:\d+ answered with an empty body \(HTTP 200, application\/json\)\.$/,
  ],
  "202, as for a notification": [
    (response) => void response.writeHead(202).end(),
    /:\d+ accepted the request \(HTTP 202\) without answering it\.$/,
  ],
  "204": [
    (response) => void response.writeHead(204).end(),
    /:\d+ accepted the request \(HTTP 204\) without answering it\.$/,
  ],
  "an encoding that was not asked for": [
    (response) => {
      const headers = { "content-type": "application/json", "content-encoding": "zstd" };
      response.writeHead(200, headers).end("(\xb5/\xfd");
    },
    /compressed its answer \(HTTP 200\) as "zstd", which the gateway did not ask for and does not read/,
  ],
  "bytes that are not UTF-8": [
    (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]));
    },
    /answered with a body that is not UTF-8 text \(HTTP 200, application\/json\)\.$/,
  ],
  "broken JSON": [
    (response) => sendBody(response, '{"jsonrpc":"2.0","id":'),
    /answered with broken JSON \(HTTP 200, application\/json\): "\{.*:"\.$/,
  ],
  "two documents": [
    (response, id) => sendBody(response, `${answerText({ id: Number(id) }, RESULT)}\n{}`),
    /answered with more than one JSON document \(HTTP 200, application\/json\): "/,
  ],
  "text": [
    (response) => sendBody(response, "try\n\tlater", "text/plain"),
    /answered with something that is not an MCP message \(HTTP 200, text\/plain\): "try later"\.$/,
  ],
  "JSON that is not an MCP message": [
    (response) => sendBody(response, '{"error":"invalid api key"}'),
    /with JSON that is not an MCP message \(HTTP 200, application\/json\): "invalid api key"\.$/,
  ],
  "an answer without an id": [
    (response) => sendBody(response, '{"jsonrpc":"2.0","result":{}}'),
    /answered with an answer without an id \(HTTP 200, application\/json\): "/,
  ],
  "an answer with a text as its id": [
    (response, id) => sendBody(response, `{"jsonrpc":"2.0","id":"x${id}","result":{}}`),
    /answered with an answer with the id "x\d+" instead of \d+ \(HTTP 200, application\/json\): "/,
  ],
  "an error that names no request": [
    (response) => {
      const error = { code: -32600, message: "Unsupported media" };
      sendBody(response, JSON.stringify({ jsonrpc: "2.0", id: null, error }));
    },
    /with error -32600, without the id of a request \(HTTP 200, [^)]+\): "Unsupported media"\.$/,
  ],
  "a web page": [
    (response) => {
      const page = "<!doctype html><html><head><title>Please\n log in</title></head></html>";
      sendBody(response, page, "text/html; charset=utf-8");
    },
    /with a web page \(HTTP 200, text\/html\): "Please log in"; check its url\.$/,
  ],
  "an error as a web page": [
    (response) => {
      response.writeHead(500, { "content-type": "text/html" }).end("<h1>Oops</h1>");
    },
    /: 127\.0\.0\.1:\d+ answered with HTTP 500\.$/,
  ],
  "an error as a web page with a title": [
    (response) => {
      const page = "<html><title>Our &amp; your fault</title><p>Sorry</p></html>";
      response.writeHead(500, { "content-type": "text/html" }).end(page);
    },
    /:\d+ answered with HTTP 500 \(a web page: "Our &amp; your fault"\)\.$/,
  ],
  "an error as JSON-RPC": [
    (response) => {
      const error = { code: -32000, message: "database is locked" };
      response.writeHead(500).end(JSON.stringify({ jsonrpc: "2.0", id: null, error }));
    },
    /: 127\.0\.0\.1:\d+ answered with HTTP 500: "database is locked"\.$/,
  ],
  "an error as the JSON of a framework": [
    (response) => void response.writeHead(500).end('{"detail":"database is locked"}'),
    /: 127\.0\.0\.1:\d+ answered with HTTP 500: "database is locked"\.$/,
  ],
  "an error as text": [
    (response) => void response.writeHead(500).end(`database\r\n is ${"very ".repeat(100)}locked`),
    /:\d+ answered with HTTP 500: "database is (very )+v?e?r?y?…"\.$/,
  ],
  "502": [
    (response) => void response.writeHead(502).end(),
    /answered with HTTP 502; the server behind it seems to be down\.$/,
  ],
  "403": [
    (response) => void response.writeHead(403).end(),
    /answered with HTTP 403; check the credentials in its headers\.$/,
  ],
};

function sendBody(response: ServerResponse, body: string, type = "application/json"): void {
  response.writeHead(200, { "content-type": type }).end(body);
}

for (const [description, [answer, expected]] of Object.entries(UNUSABLE_ANSWERS)) {
  Deno.test(`[remote.no-answer] ${description}: the call fails immediately, and the session continues`, async () => {
    await using server = await FakeHttpServer.start(answerCallsWith(answer));
    await using fixture = createRemoteFixture(server.url);
    const startedMs = performance.now();
    const message = await expectFailure(fixture.call("echo"));
    assert.match(message, /^Server "files" is not available: /);
    assert.match(message, expected);
    assert.ok(performance.now() - startedMs < 30_000, "the call would have had 60 s");
    server.handler = () => {};
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    assert.equal(server.countRequests("initialize"), 1);
    // The call is not repeated: the server may have run it although its answer is unusable.
    assert.equal(server.countRequests("tools/call"), 2);
  });
}

for (const mediaType of ["text/event-stream", "application/json"]) {
  Deno.test(`[remote.no-answer] ${mediaType} that breaks off ends the session, like a crash`, async () => {
    const answer = answerCallsWith((response) => {
      response.writeHead(200, { "content-type": mediaType, "content-length": "1000" });
      response.write("data: {");
      setTimeout(() => response.socket?.destroy(), 10);
    });
    await using server = await FakeHttpServer.start(answer);
    await using fixture = createRemoteFixture(server.url);
    const message = await expectFailure(fixture.call("echo"));
    assert.match(message, /its connection ended\. 127\.0\.0\.1:\d+ broke off its answer\.$/);
    server.handler = () => {};
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    assert.equal(server.countRequests("initialize"), 2);
  });
}

Deno.test("[remote.answers] answers in JSON are passed on unchanged", async () => {
  const resultJson = '{"content":[],"big":12345678901234567890,"precise":1.10,"twice":1,"twice":2}';
  await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
    response.writeHead(200, { "content-type": "Application/JSON; charset=utf-8" });
    response.end(`{"jsonrpc":"2.0","id":${id},"result":${resultJson}}`);
  }));
  await using fixture = createRemoteFixture(server.url);
  assert.equal(readResultJson(await fixture.call("echo")), resultJson);
});

for (const type of ["text/plain", "application/octet-stream", "text/html", undefined]) {
  Deno.test(`[remote.answers] JSON with the content type ${type} is read`, async () => {
    await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
      response.writeHead(200, type === undefined ? {} : { "content-type": type });
      response.end(answerText({ id: Number(id) }, RESULT));
    }));
    await using fixture = createRemoteFixture(server.url);
    assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
    assert.deepEqual(fixture.log, []);
  });
}

for (const result of ["null", "7", '"done"', "[]"]) {
  Deno.test(`[remote.answers] ${result} is not a valid result of a tool`, async () => {
    await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`{"jsonrpc":"2.0","id":${id},"result":${result}}`);
    }));
    await using fixture = createRemoteFixture(server.url);
    assert.match(
      await expectFailure(fixture.call("echo")),
      /^Server "files" answered the call with (null|a number|a string|an array) instead of a result/,
    );
    assert.equal(server.countRequests("tools/call"), 1);
  });
}

Deno.test("[remote.no-answer] a quote contains no secret, and no half of a secret where it is cut", async () => {
  const secrets = [
    "canary-key-4711",
    "canary-user",
    "canary-pass",
    "canary-path-1",
    "canary-query",
  ];
  const [key = "", user, pass, path, query] = secrets;
  await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
    if (message.method !== "tools/call") {
      if (method === "POST") response.setHeader("set-cookie", "lb=canary-cookie");
      return false;
    }
    const secretsText = [...secrets, headers.cookie, headers["mcp-session-id"]].join(" ");
    // If the text were cut at 200 characters before the redaction, the beginning of the last key would be left.
    const filler = "x".repeat(190 - secretsText.length);
    response.writeHead(500).end(`${secretsText}${filler}${key}`);
    return true;
  });
  const { host } = new URL(server.url);
  const url = `http://${user}:${pass}@${host}/${path}?key=${query}`;
  await using fixture = createRemoteFixture(url, { headers: { "x-key": key } });
  const message = await expectFailure(fixture.call("echo"));
  assert.match(message, /HTTP 500: "\[redacted\] .*x\[redacted\]"\.$/);
  assert.doesNotMatch(message, /canary|session-1/);
});

Deno.test("[remote.answers] events may have comments, other types, several lines and any line ends", async () => {
  await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": keep-alive\r\n\r\nevent: hello\r\ndata: not for us\r\n\r\n");
    response.write(`id:\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":${id},\r`);
    setTimeout(() => response.end('\ndata: "result":{"content":[]}}\r\n\r\n'), 5);
  }));
  await using fixture = createRemoteFixture(server.url);
  assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
});

Deno.test("[remote.answers] a result with members of the wrong types is passed on, although the SDK would refuse it", async () => {
  const responseJson =
    '{"jsonrpc":"2.0","id":ID,"result":{"content":"none","isError":"perhaps"},"error":null,"more":1}';
  await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
    sendStream(response, responseJson.replace("ID", String(id)));
  }));
  await using fixture = createRemoteFixture(server.url);
  assert.equal(
    readResultJson(await fixture.call("echo")),
    '{"content":"none","isError":"perhaps"}',
  );
});

Deno.test("[remote.no-leak] the gateway closes a stream that the server keeps open after the answer", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
    response.on("close", closed.resolve);
    startStream(response, `data: ${answerText({ id: Number(id) }, RESULT)}`, "");
  }));
  await using fixture = createRemoteFixture(server.url);
  assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
  await withTimeout("the end of the call's stream", closed.promise);
});
