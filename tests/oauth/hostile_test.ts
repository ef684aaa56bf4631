import assert from "node:assert/strict";
import { UnreachableError } from "../../src/downstream/oauth/login_failure.ts";
import { createGuardedFetch } from "../../src/downstream/oauth/guarded_fetch.ts";
import { withTimeout } from "../e2e/wait.ts";
import { catchDownstreamError, OAuthFixture, sendRequest } from "./oauth_fixture.ts";

const NEVER_ABORTED = new AbortController().signal;

/** An HTTP server that answers every request with a new response from the same function. */
class ResponseServer implements AsyncDisposable {
  readonly paths: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(createResponse: () => Response) {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, ({ url }) => {
      this.paths.push(new URL(url).pathname);
      return createResponse();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/metadata`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Repeats the same bytes until the reader cancels. */
function repeatEndlessly(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(bytes) });
}

function gzip(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return body.pipeThrough(new CompressionStream("gzip") as TransformStream<Uint8Array, Uint8Array>);
}

const ZEROS = new Uint8Array(64 * 1024);

for (
  const [description, createResponse, expected] of [
    [
      "has no end is refused after 1 MiB",
      () => new Response(repeatEndlessly(ZEROS)),
      "answered with more than 1 MiB",
    ],
    [
      "is compressed is not decompressed",
      () => {
        const zeros = ReadableStream.from(Array<typeof ZEROS>(64).fill(ZEROS));
        return new Response(gzip(zeros), { headers: { "content-encoding": "gzip" } });
      },
      "answered with a compressed body",
    ],
  ] as const
) {
  Deno.test(`[oauth.checks] a response that ${description}`, async () => {
    await using server = new ResponseServer(createResponse);
    await assert.rejects(
      createGuardedFetch(server.url, { signal: NEVER_ABORTED })(server.url),
      (error) => {
        assert.ok(error instanceof UnreachableError);
        assert.equal(error.message, expected);
        return true;
      },
    );
  });
}

Deno.test("[oauth.addresses] no redirect is followed", async () => {
  await using redirectTarget = new ResponseServer(() => Response.json({}));
  await using server = new ResponseServer(() => Response.redirect(redirectTarget.url));
  const response = await createGuardedFetch(server.url, { signal: NEVER_ABORTED })(server.url);
  assert.equal(response.status, 302);
  assert.deepEqual(redirectTarget.paths, []);
});

Deno.test("[oauth.checks] a response that does not end is cancelled after a timeout", async () => {
  const closed = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  await using server = new ResponseServer(() => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        timer = setInterval(() => controller.enqueue(new Uint8Array([32])), 10);
      },
      cancel() {
        clearInterval(timer);
        closed.resolve();
      },
    });
    return new Response(body);
  });
  await assert.rejects(
    createGuardedFetch(server.url, { signal: NEVER_ABORTED, timeoutMs: 100 })(server.url),
    {
      message: "did not answer in time",
    },
  );
  await withTimeout("the end of the connection", closed.promise);
});

for (const token of ["canary-one\r\nx-evil: 1", "canary-\u0000", "canary-é"]) {
  Deno.test(`[oauth.checks] [oauth.no-secrets] a token that is no valid header value is refused: ${JSON.stringify(token)}`, async () => {
    await using fixture = new OAuthFixture();
    fixture.authorizationServer.behaviour.tokenResponse = {
      status: 200,
      body: JSON.stringify({ access_token: token, token_type: "Bearer" }),
    };
    const { code, message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, /issued a token that cannot be sent/);
    assert.doesNotMatch(message + fixture.logLines.join(), /canary/);
    // The token is not stored, because every request with it would fail until the next logout.
    assert.throws(() => fixture.listStoredFiles(), Deno.errors.NotFound);
  });
}

Deno.test("[oauth.checks] [oauth.no-secrets] a token of more than 16384 characters is refused and not quoted", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.tokenResponse = {
    status: 200,
    body: JSON.stringify({ access_token: `canary${"x".repeat(16_384)}`, token_type: "Bearer" }),
  };
  const { message } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.match(
    message,
    /access_token is a string of 16390 characters and must be a string of at most 16384 characters/,
  );
  assert.doesNotMatch(message + fixture.logLines.join(), /canary/);
});

for (
  const [metadata, expected] of [
    [{ authorization_endpoint: "javascript:alert(1)" }, /page javascript: is not an https address/],
    [{ authorization_endpoint: "data:text/html,hello" }, /page data: is not an https address/],
    [{ authorization_endpoint: "/authorize" }, /authorization_endpoint is "\/authorize"/],
    [
      { authorization_endpoint: "file:///etc/passwd" },
      /its login page file: is not an https address/,
    ],
    [{ authorization_endpoint: "https://you@login.test/" }, /is not an https address/],
    [{ token_endpoint: 5 }, /token_endpoint is 5 and must be a URL/],
  ] as const
) {
  Deno.test(`[oauth.addresses] an authorization server whose metadata has ${JSON.stringify(metadata)} is refused`, async () => {
    await using fixture = new OAuthFixture();
    fixture.authorizationServer.behaviour.metadataOverrides = metadata;
    const { code, message } = await catchDownstreamError(
      sendRequest(fixture.createAuth(), fixture.server.url),
    );
    assert.equal(code, "AUTH_REQUIRED");
    assert.match(message, expected);
    assert.deepEqual([fixture.openedLinks, fixture.authorizationServer.registrations], [[], []]);
  });
}

Deno.test("[oauth.checks] a very long link is not passed on to the agent", async () => {
  await using fixture = new OAuthFixture({ browser: "none" });
  fixture.server.challengeScope = "read ".repeat(2000).trim();
  const { code, message, details } = await catchDownstreamError(
    sendRequest(fixture.createAuth(), fixture.server.url),
  );
  assert.equal(code, "AUTH_REQUIRED");
  assert.match(message, /the link to its login page is longer than 8192 characters/);
  assert.deepEqual(details, {});
});
