import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { createMemoryChannels, type IncomingRequest, Peer } from "../../../src/jsonrpc/mod.ts";
import { digestRequest } from "../../../src/gateway/stateless/request_digest.ts";
import { MAX_STATE_BYTES, StateSeal } from "../../../src/gateway/stateless/state_seal.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const CLIENT = { principal: '["a","agent"]', party: "client a" };
const STATE = { kind: "park", handle: "secret-handle", text: "é\u0000\ud800" };

Deno.test("[interaction.sealed] a sealed state is text that shows nothing, and is opened only as it is", async () => {
  const seal = new StateSeal(undefined);
  const sealed = await seal.seal(STATE, "tools/call");
  assert.match(sealed, /^[\w-]+$/);
  assert.ok(!atob(sealed.replaceAll("-", "+").replaceAll("_", "/")).includes("secret-handle"));
  assert.deepEqual(await seal.open(sealed, "tools/call"), STATE);
  assert.notEqual(await seal.seal(STATE, "tools/call"), sealed);
  assert.equal(await seal.open(sealed, "prompts/get"), undefined);
  const bytes = Uint8Array.fromBase64(sealed, { alphabet: "base64url" });
  for (let index = 0; index < bytes.length; index++) {
    const changed = bytes.with(index, (bytes[index] ?? 0) ^ 1);
    const text = changed.toBase64({ alphabet: "base64url", omitPadding: true });
    assert.equal(await seal.open(text, "tools/call"), undefined, `byte ${index}`);
  }
  for (const text of ["", "A", "AAAA", sealed.slice(4), `${sealed}AAAA`, "é", "=".repeat(100)]) {
    assert.equal(await seal.open(text, "tools/call"), undefined, text);
  }
});

Deno.test("[interaction.key] gateways with the same secret open each other's states, others do not", async () => {
  const sealed = await new StateSeal(SECRET).seal(STATE, "tools/call");
  assert.ok(!sealed.includes(SECRET));
  assert.deepEqual(await new StateSeal(SECRET).open(sealed, "tools/call"), STATE);
  for (const secret of [undefined, `${SECRET}x`]) {
    assert.equal(await new StateSeal(secret).open(sealed, "tools/call"), undefined);
  }
});

Deno.test("[interaction.sealed] states have a maximum size, in and out", async () => {
  const seal = new StateSeal(SECRET);
  const largest = "x".repeat(MAX_STATE_BYTES - 2);
  assert.equal(await seal.open(await seal.seal(largest, "m"), "m"), largest);
  await assert.rejects(seal.seal(`${largest}x`, "m"), RangeError);
  await assert.rejects(seal.seal("é".repeat(MAX_STATE_BYTES / 2), "m"), RangeError);
  const startedAt = performance.now();
  assert.equal(await seal.open("A".repeat(50_000_000), "m"), undefined);
  assert.ok(performance.now() - startedAt < 50);
});

/** Returns requests as they arrive. */
async function receive(
  ...messages: [method: string, params: string][]
): Promise<IncomingRequest[]> {
  const [near, far] = createMemoryChannels();
  const requests: IncomingRequest[] = [];
  const peer = new Peer(near, {
    request: (request) => void requests.push(request),
    notification: () => {},
    unexpected: (description) => assert.fail(description),
    closed: () => {},
  });
  far.open({ message: () => {}, dropped: () => {}, closed: () => {} });
  messages.forEach(([method, params], id) => {
    far.send(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`);
  });
  await waitUntil("all requests arrive", () => requests.length === messages.length);
  for (const request of requests) request.reply({});
  await peer.close();
  return requests;
}

Deno.test("[interaction.once] the digest of a request is that of its method, name and arguments, however they are written", async () => {
  const requests = await receive(
    ["tools/call", '{"name":"t","arguments":{"a":1,"b":[1.0,"x"]}}'],
    [
      "tools/call",
      '{"_meta":{"progressToken":1},"requestState":"s","inputResponses":{},"arguments":{ "b":[1,"\\u0078"],"a":1e0},"name":"t"}',
    ],
    ["tools/call", '{"name":"t","arguments":{"a":1,"b":["x",1]}}'],
    ["tools/call", '{"name":"u","arguments":{"a":1,"b":[1,"x"]}}'],
    ["prompts/get", '{"name":"t","arguments":{"a":1,"b":[1,"x"]}}'],
    ["tools/call", '{"name":"t"}'],
    ["tools/call", '{"uri":"t"}'],
    ["tools/call", '{"name":"t","arguments":{"a":1e999}}'],
    ["tools/call", '{"name":"t","arguments":{"a":null}}'],
    ["tools/call", '{"name":"t","arguments":{"a":"\\ud800"}}'],
    ["tools/call", '{"name":"t","arguments":{"a":"\\ud801"}}'],
  );
  assert.equal(requests.length, 11);
  const digests = await Promise.all(requests.map((request) => digestRequest(request, CLIENT)));
  assert.equal(digests[0], digests[1]);
  assert.equal(new Set(digests).size, requests.length - 1);
  const [first = assert.fail()] = requests;
  const other = await digestRequest(first, { ...CLIENT, principal: '["a","other"]' });
  assert.ok(!digests.includes(other));
});

Deno.test("[interaction.once] long arguments are digested as they are written, which takes no long work", async () => {
  const list = "1,".repeat(200_000);
  const requests = await receive(
    ["tools/call", `{"name":"t","arguments":{"a":[${list}1]}}`],
    ["tools/call", `{"arguments":{"a":[${list}1]},"name":"t"}`],
    ["tools/call", `{"name":"t","arguments":{"a":[${list}1.0]}}`],
    ["tools/call", `{"name":"u","arguments":{"a":[${list}1]}}`],
  );
  const [one, same, ...others] = await Promise.all(
    requests.map((request) => digestRequest(request, CLIENT)),
  );
  assert.equal(one, same);
  assert.equal(new Set([one, ...others]).size, 3);
});
