import { callFromManyClients } from "./http_crowd.ts";

Deno.test("[http.crowd] each of 100 concurrent clients gets its own answers", async () => {
  await callFromManyClients({ clients: 100, callsPerClient: 5 });
});
