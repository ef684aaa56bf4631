import { meetCrowd } from "./http_crowd.ts";

Deno.test("[http.crowd] many clients at once each get their own answers", async () => {
  await meetCrowd({ clients: 100, calls: 20 });
});
