import assert from "node:assert/strict";
import { until } from "../e2e/until.ts";
import { OAuthScene, send } from "./scene.ts";

Deno.test("oauth: a login, from the refusal to the token", async () => {
  await using scene = new OAuthScene();
  const gateway = scene.gateway();
  assert.equal(await send(gateway, scene.server.url), 200);
  assert.equal(scene.opened().length, 1);
  await until("the page is shown", () => scene.shown().length === 1);
  console.log(scene.shown(), scene.log, scene.kept(), scene.files(), scene.service.seen);
});
