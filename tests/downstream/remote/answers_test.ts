import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { failure, resultText } from "../../contract/scene.ts";
import { until } from "../../contract/seen.ts";
import { type Answer, answerText, OddHttp, sendStream } from "./odd_http.ts";
import { remoteScene } from "./scene.ts";

const RESULT = { content: [] };

/** Does something else for calls of tools alone. */
function forCalls(answer: (response: ServerResponse, id: unknown) => void): Answer {
  return ({ message }, response) => {
    if (message.method !== "tools/call") return false;
    answer(response, message.id);
    return true;
  };
}

function startStream(response: ServerResponse, ...lines: string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(lines.map((line) => `${line}\n`).join(""));
}

/** Answers to a call that are none, and what is told of each. */
const ODD: Readonly<Record<string, readonly [Parameters<typeof forCalls>[0], RegExp]>> = {
  "a stream that ends at once": [
    (response) => void sendStream(response),
    /: it ended its answer before the result came\.$/,
  ],
  "a stream that ends after another message": [
    (response) => {
      const note = { jsonrpc: "2.0", method: "notifications/message", params: { data: 1 } };
      sendStream(response, JSON.stringify(note));
    },
    /: it ended its answer before the result came\.$/,
  ],
  "a stream that ends within a message": [
    (response) => {
      startStream(response, 'data: {"jsonrpc":"2.0","id":');
      response.end();
    },
    /: it ended its answer before the result came\.$/,
  ],
  "200 with nothing": [
    (response) => void response.writeHead(200).end(),
    /: 127\.0\.0\.1:\d+ answered with nothing instead of MCP's JSON; check its url\.$/,
  ],
  "200 with JSON that is empty": [
    (response) => void response.writeHead(200, { "content-type": "application/json" }).end(),
    /: it ended its answer before the result came\.$/,
  ],
  "202, as if it were no call": [
    (response) => void response.writeHead(202).end(),
    /: it ended its answer before the result came\.$/,
  ],
  "a page for people": [
    (response) => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end("<html>Please log in</html>");
    },
    /: 127\.0\.0\.1:\d+ answered with text\/html instead of MCP's JSON; check its url\.$/,
  ],
  "an error as a page for people": [
    (response) => {
      response.writeHead(500, { "content-type": "text/html" }).end("<h1>Oops</h1>");
    },
    /: 127\.0\.0\.1:\d+ answered with HTTP 500\.$/,
  ],
  "an error as JSON-RPC has it": [
    (response) => {
      const error = { code: -32000, message: "database is locked" };
      response.writeHead(500).end(JSON.stringify({ jsonrpc: "2.0", id: null, error }));
    },
    /: 127\.0\.0\.1:\d+ answered with HTTP 500: database is locked\.$/,
  ],
  "a gateway in between that finds no server": [
    (response) => void response.writeHead(502).end(),
    /answered with HTTP 502; the server behind it seems to be down\.$/,
  ],
  "no right to call": [
    (response) => void response.writeHead(403).end(),
    /answered with HTTP 403; check the credentials in its headers\.$/,
  ],
  "an answer to another request": [
    (response) => void sendStream(response, '{"jsonrpc":"2.0","id":987,"result":{}}'),
    /: it ended its answer before the result came\.$/,
  ],
};

for (const [what, [answer, told]] of Object.entries(ODD)) {
  Deno.test(`[remote.no-answer] ${what}: the call fails at once, and the session lives`, async () => {
    await using odd = await OddHttp.start(forCalls(answer));
    await using scene = remoteScene(odd.url);
    const started = performance.now();
    const message = await failure(scene.call("echo"));
    assert.match(message, /^Server "files" is not available: /);
    assert.match(message, told);
    assert.ok(performance.now() - started < 5000);
    odd.answer = () => {};
    assert.match(resultText(await scene.call("echo")), /called echo/);
    assert.equal(odd.count("initialize"), 1);
    // What it got was no answer, and perhaps it did something.
    assert.equal(odd.count("tools/call"), 2);
  });
}

for (const [what, tool] of [["text/event-stream", "echo"], ["application/json", "echo"]] as const) {
  Deno.test(`[remote.no-answer] ${what} that breaks off ends the session, as a crash does`, async () => {
    const answer = forCalls((response) => {
      response.writeHead(200, { "content-type": what, "content-length": "1000" });
      response.write("data: {");
      setTimeout(() => response.socket?.destroy(), 10);
    });
    await using odd = await OddHttp.start(answer);
    await using scene = remoteScene(odd.url);
    const message = await failure(scene.call(tool));
    assert.match(message, /its connection ended\. 127\.0\.0\.1:\d+ broke off its answer\.$/);
    odd.answer = () => {};
    assert.match(resultText(await scene.call("echo")), /called echo/);
    assert.equal(odd.count("initialize"), 2);
  });
}

Deno.test("[remote.answers] answers come as JSON, too, as they were sent", async () => {
  const odd = '{"content":[],"big":12345678901234567890,"precise":1.10,"twice":1,"twice":2}';
  await using server = await OddHttp.start(forCalls((response, id) => {
    response.writeHead(200, { "content-type": "Application/JSON; charset=utf-8" });
    response.end(`{"jsonrpc":"2.0","id":${id},"result":${odd}}`);
  }));
  await using scene = remoteScene(server.url);
  assert.equal(resultText(await scene.call("echo")), odd);
});

Deno.test("[remote.answers] events may have comments, other kinds, several lines and any line ends", async () => {
  await using odd = await OddHttp.start(forCalls((response, id) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": keep-alive\r\n\r\nevent: hello\r\ndata: not for us\r\n\r\n");
    response.write(`id:\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":${id},\r`);
    setTimeout(() => response.end('\ndata: "result":{"content":[]}}\r\n\r\n'), 5);
  }));
  await using scene = remoteScene(odd.url);
  assert.equal(resultText(await scene.call("echo")), '{"content":[]}');
});

Deno.test("[remote.answers] fields and messages that the SDK does not know arrive", async () => {
  const odd =
    '{"jsonrpc":"2.0","id":ID,"result":{"content":"none","isError":"perhaps"},"error":null,"more":1}';
  await using server = await OddHttp.start(forCalls((response, id) => {
    sendStream(response, odd.replace("ID", String(id)));
  }));
  await using scene = remoteScene(server.url);
  assert.equal(resultText(await scene.call("echo")), '{"content":"none","isError":"perhaps"}');
});

Deno.test("[remote.max-bytes] JSON that is too long says its size, and is not kept", async () => {
  await using odd = await OddHttp.start(forCalls((response, id) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(answerText({ id: Number(id) }, { content: ["x".repeat(50_000)] }));
  }));
  await using scene = remoteScene(odd.url, { maxBytes: 20_000 });
  assert.match(
    await failure(scene.call("echo")),
    /answered with 500\d\d bytes, which is more than/,
  );
  odd.answer = () => {};
  assert.match(resultText(await scene.call("echo")), /called echo/);
});

Deno.test("[remote.no-leak] a stream that stays open after its answer is closed", async () => {
  await using odd = await OddHttp.start(forCalls((response, id) => {
    startStream(response, `data: ${answerText({ id: Number(id) }, RESULT)}`, "");
  }));
  await using scene = remoteScene(odd.url);
  assert.equal(resultText(await scene.call("echo")), '{"content":[]}');
  const [call] = odd.asked.filter(({ message }) => message.method === "tools/call");
  assert.ok(call !== undefined);
  await until(() => odd.sockets.size <= 1);
});
