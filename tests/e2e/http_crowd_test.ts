import { callFromManyClients } from "./http_crowd.ts";

Deno.test("[http.crowd] many clients at once each get their own answers", async () => {
  await callFromManyClients({ clients: 100, callsPerClient: 20 });
});
