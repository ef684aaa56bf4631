import assert from "node:assert/strict";
import { isBrowserLoopback, isLoopback, isLoopbackUrl, isSecureUrl } from "../src/loopback.ts";

/** Hosts, and whether each is loopback for every program, and for a browser. */
const HOSTS: readonly (readonly [host: string, always: boolean, inBrowser: boolean])[] = [
  ["localhost", true, true],
  ["LOCALHOST", true, true],
  ["127.0.0.1", true, true],
  ["127.9.8.7", true, true],
  ["::1", true, true],
  ["[::1]", true, true],
  ["::ffff:127.0.0.1", true, true],
  // A resolver may query the network for this name.
  ["a.localhost", false, true],
  ["localhost.example", false, false],
  ["127.0.0.1.example", false, false],
  ["10.0.0.1", false, false],
  ["0.0.0.0", false, false],
  ["::", false, false],
  ["", false, false],
];

Deno.test("[http.host] [oauth.addresses] a host is loopback for every program, only for browsers, or for none", () => {
  for (const [host, always, inBrowser] of HOSTS) {
    assert.deepEqual([isLoopback(host), isBrowserLoopback(host)], [always, inBrowser], host);
  }
});

Deno.test("[rules.credentials] a URL is secure if it is https, or http on loopback", () => {
  const urls = [
    ["https://example.com/keys", false, true],
    ["http://localhost:8/keys", true, true],
    ["http://127.9.8.7/", true, true],
    ["http://[::1]/", true, true],
    ["https://localhost/", false, true],
    ["http://example.com/", false, false],
    ["http://a.localhost/", false, false],
    ["http://localhost@example.com/", false, false],
    ["file:///etc/passwd", false, false],
    ["no address", false, false],
  ] as const;
  for (const [url, loopback, secure] of urls) {
    assert.deepEqual([isLoopbackUrl(url), isSecureUrl(url)], [loopback, secure], url);
  }
});
