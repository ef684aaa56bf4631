import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { waitUntil } from "../e2e/wait.ts";
import { OAuthScene, send } from "./scene.ts";

const SCRIPT = fileURLToPath(new URL("./renewing_process.ts", import.meta.url));

Deno.test("[oauth.processes] three gateways over ten expiries: no reuse, and no second login", async () => {
  await using scene = new OAuthScene();
  scene.service.behaviour.tokenLifetimeS = 0.4;
  assert.equal(await send(scene.gateway(), scene.server.url), 200);
  const processes = Array.from({ length: 3 }, () => {
    return new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--allow-all",
        SCRIPT,
        scene.store,
        JSON.stringify(scene.config()),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
  });
  try {
    await waitUntil("ten expiries", () => scene.service.refreshCount >= 10, 60_000);
  } finally {
    for (const { stdin } of processes) await stdin.close();
  }
  for (const process of processes) {
    const { success, stdout } = await process.output();
    assert.ok(success);
    // Every request of every process got a response.
    const counts = JSON.parse(new TextDecoder().decode(stdout));
    assert.deepEqual(Object.keys(counts), ["200"], JSON.stringify(counts));
    assert.ok(counts["200"] > 3);
  }
  assert.equal(scene.service.refreshTokenReuses, 0);
  assert.equal(scene.opened.length, 1);
  assert.equal(scene.service.authorizations.length, 1);
});
