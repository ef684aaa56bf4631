import assert from "node:assert/strict";
import { isBrowserLoopback, isLoopback, isLoopbackUrl, isSecureUrl } from "../src/loopback.ts";

const HOSTS: readonly (readonly [host: string, inEveryProgram: boolean, inBrowser: boolean])[] = [
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

Deno.test("[http.host] [oauth.addresses] a host is loopback in every program, only in browsers, or nowhere", () => {
  for (const [host, ...expected] of HOSTS) {
    assert.deepEqual([isLoopback(host), isBrowserLoopback(host)], expected, host);
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
    ["not a URL", false, false],
  ] as const;
  for (const [url, loopback, secure] of urls) {
    assert.deepEqual([isLoopbackUrl(url), isSecureUrl(url)], [loopback, secure], url);
  }
});
