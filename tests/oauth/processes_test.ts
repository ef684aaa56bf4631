import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { waitUntil } from "../e2e/wait.ts";
import { OAuthFixture, sendRequest } from "./oauth_fixture.ts";

const SCRIPT = fileURLToPath(new URL("./renewing_process.ts", import.meta.url));

Deno.test("[oauth.processes] three gateways renew ten times without reuse of a refresh token or a second login", async () => {
  await using fixture = new OAuthFixture();
  fixture.authorizationServer.behaviour.tokenLifetimeS = 0.4;
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  const processes = Array.from({ length: 3 }, () => {
    return new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--allow-all",
        SCRIPT,
        fixture.storeFolder,
        JSON.stringify(fixture.createConfig()),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
  });
  try {
    await waitUntil(
      "the tokens are renewed ten times",
      () => fixture.authorizationServer.refreshCount >= 10,
      60_000,
    );
  } finally {
    for (const { stdin } of processes) await stdin.close();
  }
  for (const process of processes) {
    const { success, stdout } = await process.output();
    assert.ok(success);
    // Every request of the process got the status 200.
    const counts = JSON.parse(new TextDecoder().decode(stdout));
    assert.deepEqual(Object.keys(counts), ["200"], JSON.stringify(counts));
    assert.ok(counts["200"] > 3);
  }
  assert.equal(fixture.authorizationServer.refreshTokenReuses, 0);
  assert.equal(fixture.openedLinks.length, 1);
  assert.equal(fixture.authorizationServer.authorizationRequests.length, 1);
});
