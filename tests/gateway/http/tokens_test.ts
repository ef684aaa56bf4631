import assert from "node:assert/strict";
import { AuthenticatorFixture, sha256 } from "./authenticator_fixture.ts";
import { cpuMs } from "../../cpu_time.ts";

const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();
const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString();

const RULES = {
  agents: {
    a: { token_sha256: [sha256("amg_one"), { sha256: sha256("amg_two").toUpperCase() }] },
    b: {
      token_sha256: [
        { sha256: sha256("amg_expiring"), expires: IN_AN_HOUR },
        { sha256: sha256("amg_expired"), expires: YESTERDAY },
      ],
    },
    "team.c": {},
  },
};

Deno.test("[rules.credentials] a token whose hash is in the rules identifies its agent; its credential id is stable and does not contain it", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  assert.equal(fixture.authenticator.requiresCredential, true);
  assert.equal(await fixture.agentOrStatusOf("amg_one"), "a");
  assert.equal(await fixture.agentOrStatusOf("amg_two"), "a");
  assert.equal(await fixture.agentOrStatusOf("amg_expiring"), "b");
  const { id, expiresAtMs } = await fixture.expectCredential("amg_expiring");
  assert.equal(expiresAtMs, Date.parse(IN_AN_HOUR));
  assert.equal((await fixture.expectCredential("amg_expiring")).id, id);
  assert.notEqual(
    (await fixture.expectCredential("amg_one")).id,
    (await fixture.expectCredential("amg_two")).id,
  );
  assert.ok(!id.includes("amg_expiring"));
});

Deno.test("[rules.credentials] unknown and expired tokens get the same answer", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  const answers = [];
  for (
    const token of ["amg_unknown", "amg_expired", "AMG_ONE", "amg_on", sha256("amg_one"), "a.b.c"]
  ) {
    answers.push(await fixture.authenticate(`Bearer ${token}`));
  }
  const [first] = answers;
  assert.deepEqual(first, {
    kind: "refused",
    status: 401,
    wwwAuthenticate: 'Bearer realm="agent-mcp-gateway", error="invalid_token"',
    message:
      "The bearer token is not accepted: it is unknown, has expired or was made for somebody " +
      "else. Get a new one, or ask the operator of the gateway.",
  });
  for (const answer of answers) assert.deepEqual(answer, first);
});

Deno.test("[rules.credentials] a header that is not exactly one bearer token is refused; the case of Bearer and extra spaces do not matter", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  for (const header of [null, "", "  "]) {
    const refused = await fixture.authenticate(header);
    assert.ok(refused.kind === "refused" && refused.status === 401);
    // The challenge has no `error`, because the request has no credential.
    assert.equal(refused.wwwAuthenticate, 'Bearer realm="agent-mcp-gateway"');
  }
  const invalidHeaders = [
    "amg_one",
    "Basic amg_one",
    "Bearer",
    "Bearer ",
    "Bearer amg_one, Bearer amg_two",
    "Bearer amg_one amg_one",
    "Bearer amg_one\u00e9",
    "Bearer amg_\u043ene",
    "Bearer\tamg_one",
    "Bearer amg_one\0",
    "Bearer amg_one\r\nX: y",
    `Bearer ${"a".repeat(1_000_000)}`,
    "__proto__",
  ];
  for (const [index, header] of invalidHeaders.entries()) {
    const refused = await fixture.authenticate(header, `192.0.2.${index}`);
    assert.ok(refused.kind === "refused" && refused.status === 401, header.slice(0, 40));
  }
  for (const header of ["bearer amg_one", "BEARER   amg_one", "Bearer amg_one  "]) {
    assert.equal((await fixture.authenticate(header)).kind, "credential", header);
  }
});

Deno.test("[rules.credentials] changed rules apply to the next request and to open sessions", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  const { authenticator } = fixture;
  const [credentialOne, credentialTwo] = [
    await fixture.expectCredential("amg_one"),
    await fixture.expectCredential("amg_two"),
  ];
  const expiringCredential = await fixture.expectCredential("amg_expiring");
  assert.ok(
    [credentialOne, credentialTwo, expiringCredential].every((credential) =>
      authenticator.isValid(credential)
    ),
  );
  assert.equal(
    authenticator.isValid({ ...expiringCredential, expiresAtMs: Date.now() - 1 }),
    false,
  );
  assert.equal(authenticator.isValid({ ...credentialOne, agent: "b" }), false);
  assert.equal(authenticator.isValid({ id: "token:", agent: "a" }), false);

  // `amg_one` is removed, `amg_two` belongs to another agent, `amg_expiring` has expired.
  await fixture.reload({
    agents: {
      a: {},
      b: {
        token_sha256: [sha256("amg_two"), { sha256: sha256("amg_expiring"), expires: YESTERDAY }],
      },
    },
  });
  assert.deepEqual(
    [credentialOne, credentialTwo, expiringCredential].map((credential) =>
      authenticator.isValid(credential)
    ),
    [
      false,
      false,
      false,
    ],
  );
  assert.deepEqual([
    await fixture.agentOrStatusOf("amg_one"),
    await fixture.agentOrStatusOf("amg_two"),
  ], [401, "b"]);
  assert.equal(await fixture.agentOrStatusOf("amg_expiring"), 401);
});

Deno.test("[rules.credentials] the gateway is open without credentials in the rules, but not with an expired token in them", async () => {
  const fixture = await AuthenticatorFixture.open({ agents: { a: {} } });
  assert.equal(fixture.authenticator.requiresCredential, false);
  assert.deepEqual(await fixture.authenticate(null), { kind: "open" });
  assert.deepEqual(await fixture.authenticate("Bearer amg_one"), { kind: "open" });
  await fixture.reload({
    agents: { a: { token_sha256: [{ sha256: sha256("x"), expires: YESTERDAY }] } },
  });
  assert.equal(fixture.authenticator.requiresCredential, true);
  assert.equal(await fixture.agentOrStatusOf("x"), 401);
  assert.equal(fixture.authenticator.buildMetadata("http://127.0.0.1"), undefined);
});

Deno.test("[rules.credentials-gone] without credentials in changed rules, every request is refused with 401 and one warning says what to do, until credentials are added", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  for (const agents of [{}, { a: {} }]) {
    await fixture.reload({ agents });
    assert.equal(await fixture.agentOrStatusOf("amg_one"), 401);
    const refused = await fixture.authenticate(null);
    assert.ok(refused.kind === "refused" && refused.status === 401);
    assert.equal(fixture.authenticator.requiresCredential, true);
  }
  assert.equal(fixture.log.messages.length, 1);
  assert.match(
    fixture.log.messages[0] ?? "",
    /^warn .*no credentials, so every request to \/mcp is refused. Fix: add a token with .*, or restart/,
  );
  await fixture.reload(RULES);
  assert.equal(await fixture.agentOrStatusOf("amg_one"), "a");
});

Deno.test("[rules.credentials] one of 20,000 tokens is found within 10 ms on average", async () => {
  const agents = Array.from({ length: 10_000 }, (_, index) => {
    const token_sha256 = [sha256(`amg_${index}`), sha256(`amg_other_${index}`)];
    return [`agent-${index}`, { token_sha256 }] as const;
  });
  const fixture = await AuthenticatorFixture.open({ agents: Object.fromEntries(agents) });
  assert.equal(await fixture.agentOrStatusOf("amg_0"), "agent-0");
  const startMs = cpuMs();
  for (let index = 0; index < 10_000; index += 100) {
    assert.equal(await fixture.agentOrStatusOf(`amg_other_${index}`), `agent-${index}`);
  }
  const meanMs = (cpuMs() - startMs) / 100;
  assert.ok(meanMs < 10, `${meanMs} ms`);
});

Deno.test("[rules.credentials] many unknown tokens are logged once, without the tokens", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  for (let index = 0; index < 40; index++) await fixture.agentOrStatusOf(`amg_guess_${index}`);
  assert.equal(fixture.log.messages.length, 1);
  assert.match(
    fixture.log.messages[0] ?? "",
    /^warn Too many different tokens from one network were refused/,
  );
  assert.doesNotMatch(JSON.stringify([fixture.log.messages, fixture.log.fields]), /amg_guess/);
});
