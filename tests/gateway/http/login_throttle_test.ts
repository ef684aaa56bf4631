import assert from "node:assert/strict";
import { LoginThrottle } from "../../../src/gateway/http/login_throttle.ts";
import { AuthenticatorFixture, sha256 } from "./authenticator_fixture.ts";

const RULES = { agents: { a: { token_sha256: [sha256("good"), sha256("other")] } } };

/** Returns the numbers of logins that were answered with 401 and with 429. */
async function countRefusals(
  logins: Iterable<Promise<string | number>>,
): Promise<[number, number]> {
  const answers = await Promise.all(logins);
  return [401, 429].map((status) => answers.filter((answer) => answer === status).length) as [
    number,
    number,
  ];
}

function* guessTokens(fixture: AuthenticatorFixture, address: string, count: number) {
  for (let index = 0; index < count; index++) {
    yield fixture.agentOrStatusOf(`guess-${index}`, address);
  }
}

Deno.test("[rules.credentials] a client that guesses tokens has to wait", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  assert.deepEqual(await countRefusals(guessTokens(fixture, "192.0.2.1", 50)), [20, 30]);
  const refusal = await fixture.authenticate("Bearer one-more", "192.0.2.1");
  assert.ok(refusal.kind === "refused" && refusal.status === 429);
  const { retryAfterS = 0, message } = refusal;
  assert.ok(retryAfterS > 50 && retryAfterS <= 60);
  assert.equal(message, `Too many logins from this address failed. Try again in ${retryAfterS} s.`);
  // Other addresses are not affected.
  assert.equal(await fixture.agentOrStatusOf("good", "192.0.2.2"), "a");
  assert.equal(await fixture.agentOrStatusOf("bad", "192.0.2.2"), 401);
});

Deno.test("[tenants.login] a valid token is accepted while another client guesses from the same address", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  await countRefusals(guessTokens(fixture, "192.0.2.1", 50));
  assert.equal(await fixture.agentOrStatusOf("good"), "a");
  assert.equal(await fixture.agentOrStatusOf("bad"), 429);
});

Deno.test("[rules.credentials] a client that repeats one invalid token does not delay other logins from its address", async () => {
  const fixture = await AuthenticatorFixture.open(RULES);
  const logins = Array.from({ length: 50 }, () => fixture.agentOrStatusOf("old"));
  assert.deepEqual(await countRefusals(logins), [50, 0]);
  assert.equal(await fixture.agentOrStatusOf("good"), "a");
  assert.equal(await fixture.agentOrStatusOf("another-old-one"), 401);
});

Deno.test("[rules.credentials] failed logins of the addresses of one network are counted together", async () => {
  const networks = [
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:DB8:1:2:3::"],
    ["::ffff:192.0.2.7", "192.0.2.7", "::FFFF:192.0.2.7"],
  ];
  for (const [firstAddress = "", ...otherAddresses] of networks) {
    const fixture = await AuthenticatorFixture.open(RULES);
    await countRefusals(guessTokens(fixture, firstAddress, 30));
    for (const address of otherAddresses) {
      assert.equal(await fixture.agentOrStatusOf("another", address), 429, address);
    }
    assert.equal(await fixture.agentOrStatusOf("another", "2001:db8:1:3::1"), 401);
    assert.equal(await fixture.agentOrStatusOf("another", "::1"), 401);
  }
});

Deno.test("[rules.credentials] the throttle keeps a limited number of addresses", () => {
  const throttle = new LoginThrottle();
  for (let index = 0; index < 30_000; index++) {
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    throttle.recordInvalid(address, String(index));
  }
  assert.equal(throttle.size, 4096);
});
