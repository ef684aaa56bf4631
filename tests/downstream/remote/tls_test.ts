import assert from "node:assert/strict";
import { createServer } from "node:https";
import { expectFailure } from "../../contract/downstream_fixture.ts";
import { FakeHttpServer } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const UNKNOWN_ISSUER =
  /is self-signed, or signed by an authority that is unknown here; name a file /;

/** Invalid certificates, and the expected error of each. */
const CERTIFICATES: Readonly<Record<string, RegExp>> = {
  localhost: UNKNOWN_ISSUER,
  elsewhere: UNKNOWN_ISSUER,
  expired: /the TLS certificate of localhost:\d+ has expired\.$/,
  self_signed: /the TLS certificate of localhost:\d+ is self-signed; give the server one that /,
};

function readCertificate(name: string): { cert: string; key: string } {
  const url = new URL(`../../fixtures/tls/${name}.pem`, import.meta.url);
  const pem = Deno.readTextFileSync(url);
  const start = pem.indexOf("-----BEGIN PRIVATE KEY");
  return { cert: pem.slice(0, start), key: pem.slice(start) };
}

for (const [name, expected] of Object.entries(CERTIFICATES)) {
  Deno.test(`[remote.tls] the certificate ${name} is refused with a plain message`, async () => {
    await using server = await FakeHttpServer.start(() => {}, createServer(readCertificate(name)));
    await using fixture = createRemoteFixture(`https://localhost:${server.port}/mcp?key=canary-5d`);
    const message = await expectFailure(fixture.call("echo"));
    assert.match(message, expected);
    assert.equal(message.includes("canary"), false);
    assert.equal(server.requests.length, 0);
  });
}

Deno.test("[remote.tls] a server without TLS is reported", async () => {
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(`https://127.0.0.1:${server.port}/mcp`);
  const message = await expectFailure(fixture.call("echo"));
  assert.match(message, /does not speak TLS; perhaps its url should begin with http:\.$/);
});
