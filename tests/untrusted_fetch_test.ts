import assert from "node:assert/strict";
import {
  fetchUntrusted,
  ForbiddenAddressError,
  requireAllowedAddress,
} from "../src/untrusted_fetch.ts";

const { signal } = new AbortController();

/** The address of a server that nobody reaches, which therefore counts as public. */
const PUBLIC = "https://mcp.invalid/mcp";

/** Addresses that a public server must not name; `PORT` is the port of a server on this machine. */
const LOCAL_ADDRESSES = [
  ...["http://127.0.0.1:PORT/", "http://localhost:PORT/", "http://LOCALHOST.:PORT/"],
  ...["http://a.localhost:PORT/", "http://2130706433:PORT/", "http://0x7f000001:PORT/"],
  ...["http://0177.0.0.1:PORT/", "http://127.1:PORT/", "http://127.0.0.1.:PORT/"],
  ...["http://0.0.0.0:PORT/", "http://[::1]:PORT/", "http://[::ffff:127.0.0.1]:PORT/"],
  ...["http://[::]:PORT/", "https://127.0.0.1:PORT/", "http://１２７.0.0.1:PORT/"],
];

for (const address of LOCAL_ADDRESSES) {
  Deno.test(`[oauth.named-addresses] a public server cannot name ${address}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept().then((connection) => connection.close(), () => "none");
    const url = address.replace("PORT", String(listener.addr.port));
    await assert.rejects(fetchUntrusted(url, { namedBy: PUBLIC, signal }), ForbiddenAddressError);
    listener.close();
    assert.equal(await accepted, "none");
  });
}

/** An address, the server that names it, and the reason against it. */
const CASES: readonly (readonly [url: string, namedBy: string, reason?: string])[] = [
  ["https://10.0.0.1/", PUBLIC, "in a private network"],
  ["https://[fd00:ec2::254]/", PUBLIC, "in a private network"],
  ["https://100.64.0.1/", PUBLIC, "in a private network"],
  ["https://169.254.169.254/", PUBLIC, "link-local"],
  ["https://169.254.169.254/", "https://10.0.0.1/mcp", "link-local"],
  ["https://169.254.169.254/", "http://127.0.0.1:3000/mcp", "link-local"],
  ["https://224.0.0.1/", PUBLIC, "reserved"],
  ["https://127.0.0.1/", "https://10.0.0.1/mcp", "on this machine"],
  ["https://8.8.8.8/", PUBLIC],
  ["https://8.8.8.8/", "https://10.0.0.1/mcp"],
  ["https://192.168.0.1/", "https://10.0.0.1/mcp"],
  ["https://192.168.0.1/", "http://127.0.0.1:3000/mcp"],
  ["http://localhost:8080/", "http://127.0.0.1:3000/mcp"],
  ["https://169.254.0.2/", "https://169.254.0.1/mcp"],
];

for (const [url, namedBy, reason] of CASES) {
  const verb = reason === undefined ? "can" : "cannot";
  Deno.test(`[oauth.named-addresses] a server at ${namedBy} ${verb} name ${url}`, async () => {
    const result = requireAllowedAddress(new URL(url), { namedBy, signal });
    if (reason === undefined) return await result;
    const { origin } = new URL(url);
    const message = `it names ${origin}, which is ${reason}, although its own address is not`;
    await assert.rejects(result, { name: "ForbiddenAddressError", message });
  });
}

Deno.test("[oauth.named-addresses] a request that hangs ends with the reason of its signal", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const controller = new AbortController();
  const url = `http://127.0.0.1:${listener.addr.port}/`;
  const response = fetchUntrusted(url, { namedBy: url, signal: controller.signal });
  using _connection = await accepted;
  controller.abort(new Error("stopped"));
  await assert.rejects(response, { message: "stopped" });
});

/** Fetches from a server that answers with a text. */
async function fetchText(text: string): Promise<Response> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answered = listener.accept().then(async (connection) => {
    using _connection = connection;
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(text));
  });
  const url = `http://127.0.0.1:${listener.addr.port}/`;
  try {
    return await fetchUntrusted(url, { namedBy: url, signal });
  } finally {
    await answered;
  }
}

// Deno takes quadratic time to add headers: 170,000 of them, for which 1 MiB has room, would take minutes.
Deno.test("[oauth.checks] a response with more than 100 headers is refused", async () => {
  const headers = Array.from({ length: 101 }, (_, index) => `h${index}: 1\r\n`);
  const end = "\r\n{}";
  const accepted = await fetchText(
    `HTTP/1.1 200 OK\r\n${headers.slice(0, 99).join("")}content-length: 2\r\n${end}`,
  );
  assert.equal(await accepted.text(), "{}");
  await assert.rejects(fetchText(`HTTP/1.1 200 OK\r\n${headers.join("")}${end}`), {
    name: "UnusableResponseError",
    message: "answered with more than 100 headers",
  });
});

Deno.test("[oauth.checks] the headers of interim responses are ignored", async () => {
  const interim = Array.from(
    { length: 101 },
    (_, index) => `HTTP/1.1 103 X\r\nh${index}: 1\r\n\r\n`,
  );
  const response = await fetchText(
    `${interim.join("")}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`,
  );
  assert.deepEqual([...response.headers.keys()], ["content-length"]);
  assert.equal(await response.text(), "{}");
});
