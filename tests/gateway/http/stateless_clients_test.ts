import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { EventReader, HttpFixture, statelessHeaders, statelessRequest } from "./http_fixture.ts";
import { NameAuthenticator } from "./name_authenticator.ts";
import { postText, RawConnection } from "./raw_http.ts";

const bearer = (name: string) => ({ authorization: `Bearer ${name}` });

Deno.test("[eras.http-clients] the requests with one credential are those of one client", async () => {
  await using fixture = await HttpFixture.open({ authenticator: new NameAuthenticator() });
  for (const name of ["one", "two", "one"]) {
    await (await fixture.sendStateless("echo", {}, bearer(name))).text();
  }
  const names = fixture.statelessClients.map(({ credential }) => credential?.id);
  assert.deepEqual(names, ["one", "two"]);
  assert.equal(fixture.service.statelessClientCount, 2);
});

Deno.test("[eras.http-clients] a client is forgotten when it is unused, but not while a request is active or awaited", async () => {
  await using fixture = await HttpFixture.open({
    authenticator: new NameAuthenticator(),
    settings: { sessionIdleS: 1 },
    limits: { streamAfterMs: 50 },
  });
  const send = (method: string, name: string) => fixture.sendStateless(method, {}, bearer(name));
  await (await send("echo", "idle")).text();
  await (await send("echo", "awaited")).text();
  const activeReader = new EventReader(await send("wait", "active"));
  const [idle, awaited, active] = fixture.statelessClients;
  assert.ok(idle !== undefined && awaited !== undefined && active !== undefined);
  awaited.isAwaited = true;
  await waitUntil("the unused client is forgotten", () => idle.hasDisconnected);
  assert.equal(fixture.service.statelessClientCount, 2);
  awaited.isAwaited = false;
  await waitUntil("the awaited client is forgotten", () => awaited.hasDisconnected);
  const [held] = active.heldCalls;
  assert.equal(held?.signal.aborted, false);
  held?.reply({});
  assert.equal((await activeReader.remainingMessages()).length, 1);
  await waitUntil("the active client is forgotten", () => active.hasDisconnected);
  assert.equal(fixture.service.statelessClientCount, 0);
});

Deno.test("[eras.http-credential-end] active requests end when their credential becomes invalid, and others continue", async () => {
  const authenticator = new NameAuthenticator();
  await using fixture = await HttpFixture.open({ authenticator });
  const reader = new EventReader(
    await fixture.sendStateless("progress", { count: 1 }, bearer("one")),
  );
  const call = fixture.sendStateless("wait", {}, bearer("one"));
  const otherCall = fixture.sendStateless("wait", {}, bearer("two"));
  const [one, two] = await waitUntil("all requests arrive", () => {
    const [first, second] = fixture.statelessClients;
    const count = (first?.heldCalls.length ?? 0) + (second?.heldCalls.length ?? 0);
    return count === 3 && [first, second];
  });
  authenticator.removedNames.add("one");
  fixture.service.endInvalidClients();
  assert.equal((await reader.remainingMessages()).length, 1);
  const response = await call;
  assert.equal(response.status, 401);
  assert.match(response.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  await response.text();
  assert.equal(one?.hasDisconnected, true);
  assert.ok(one?.heldCalls.every(({ signal }) => signal.aborted));
  two?.heldCalls[0]?.reply({ done: true });
  assert.equal((await otherCall).status, 200);
  await (await otherCall).text();
});

Deno.test("[eras.http-credential-end] requests without a credential end when one is required", async () => {
  const authenticator = {
    requiresCredential: false,
    authenticate: () => Promise.resolve({ kind: "open" as const }),
    isValid: () => false,
  };
  await using fixture = await HttpFixture.open({ authenticator });
  const call = fixture.sendStateless("wait");
  await waitUntil("the request arrives", () => {
    return fixture.statelessClients[0]?.heldCalls.length === 1;
  });
  fixture.service.endInvalidClients();
  assert.equal(fixture.statelessClients[0]?.hasDisconnected, false);
  authenticator.requiresCredential = true;
  fixture.service.endInvalidClients();
  const response = await call;
  assert.equal(response.status, 401);
  assert.doesNotMatch(response.headers.get("www-authenticate") ?? "", /error/);
  await response.text();
});

Deno.test("[eras.http-credential-end] a request whose credential becomes invalid while its body arrives is refused", async () => {
  const authenticator = new NameAuthenticator();
  await using fixture = await HttpFixture.open({ authenticator });
  using connection = await RawConnection.open(fixture.port);
  const body = JSON.stringify(statelessRequest("echo"));
  const headers = { ...statelessHeaders("echo"), ...bearer("one"), connection: "close" };
  await connection.send(
    postText(fixture.port, { headers, body: body.slice(0, -1), missingBytes: 1 }),
  );
  await (await fixture.sendStateless("echo", {}, bearer("two"))).text();
  authenticator.removedNames.add("one");
  await connection.send("}");
  assert.equal((await connection.readAll()).status, 401);
  assert.deepEqual(fixture.statelessClients.map(({ credential }) => credential?.id), ["two"]);
});

Deno.test("[eras.http-credential-end] a client ends with the credential of its requests that is valid the longest", async () => {
  let now = 0;
  const expiryOf = (authorization: string | null) => Number(authorization?.split(" ")[1]);
  await using fixture = await HttpFixture.open({
    authenticator: {
      requiresCredential: true,
      authenticate: ({ authorization }) => {
        const expiresAtMs = expiryOf(authorization);
        const credential = { id: "subject", agent: "agent", expiresAtMs };
        return Promise.resolve({ kind: "credential", credential });
      },
      isValid: ({ expiresAtMs = Infinity }) => expiresAtMs > now,
    },
  });
  const call = fixture.sendStateless("wait", {}, bearer("20"));
  const held = await waitUntil("the request arrives", () => {
    return fixture.statelessClients[0]?.heldCalls[0];
  });
  await (await fixture.sendStateless("echo", {}, bearer("10"))).text();
  now = 15;
  fixture.service.endInvalidClients();
  assert.equal(held.signal.aborted, false);
  now = 25;
  fixture.service.endInvalidClients();
  assert.equal(held.signal.aborted, true);
  assert.equal((await call).status, 401);
  await (await call).text();
});

Deno.test("[eras.http-clients] at the limit, a client of the agent with the most makes room for another agent, and an idle one for the same agent", async () => {
  await using fixture = await HttpFixture.open({
    authenticator: new NameAuthenticator(),
    settings: { maxSessions: 3 },
    limits: { evictableAfterMs: 100 },
  });
  const statusOf = async (name: string): Promise<number> => {
    const response = await fixture.sendStateless("echo", {}, bearer(name));
    await response.text();
    return response.status;
  };
  const call = fixture.sendStateless("wait", {}, bearer("greedy/1"));
  await waitUntil("the request arrives", () => {
    return fixture.statelessClients[0]?.heldCalls.length === 1;
  });
  assert.equal(await statusOf("greedy/2"), 200);
  assert.equal(await statusOf("greedy/3"), 200);
  assert.equal(await statusOf("greedy/4"), 503);
  assert.equal(await statusOf("other"), 200);
  const disconnected = () => {
    return fixture.statelessClients.filter(({ hasDisconnected }) => hasDisconnected)
      .map(({ credential }) => credential?.id);
  };
  // The client with an active request is not the first to end.
  assert.deepEqual(disconnected(), ["greedy/2"]);
  await waitUntil("a client is idle long enough", async () => await statusOf("greedy/4") === 200);
  assert.deepEqual(disconnected(), ["greedy/2", "greedy/3"]);
  fixture.statelessClients[0]?.heldCalls[0]?.reply({});
  await (await call).text();
});
