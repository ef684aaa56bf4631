#!/usr/bin/env node
/**
 * A proxy for trying out several gateways behind one address: each request goes to the next gateway.
 *
 *     node scripts/round_robin.mjs PORT URL…
 *
 * It listens on 127.0.0.1, and needs nothing but Node.js.
 *
 * @module
 */
import { createServer, request as sendRequest } from "node:http";
import process from "node:process";

const [port = "", ...urls] = process.argv.slice(2);
if (!/^\d+$/.test(port) || urls.length === 0) {
  process.stderr.write("Usage: node scripts/round_robin.mjs PORT URL…\n");
  process.exit(2);
}

let requestCount = 0;

const server = createServer((request, response) => {
  const target = new URL(urls[requestCount++ % urls.length]);
  const { method, headers, url } = request;
  // The gateways accept only their own names as the host.
  const options = { method, headers: { ...headers, host: target.host } };
  const forwarded = sendRequest(new URL(url, target), options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  forwarded.on("error", () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
  request.pipe(forwarded);
  // A client that disconnects cancels its request, so the gateway must see it.
  response.on("close", () => forwarded.destroy());
});

server.listen(Number(port), "127.0.0.1", () => {
  process.stderr.write(`Listening on http://127.0.0.1:${server.address().port}/mcp\n`);
});
