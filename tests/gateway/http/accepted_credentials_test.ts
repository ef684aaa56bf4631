import assert from "node:assert/strict";
import { AcceptedCredentials } from "../../../src/gateway/http/accepted_credentials.ts";

Deno.test("a credential that is accepted again and again is remembered, however many others there are", () => {
  const credentials = new AcceptedCredentials();
  credentials.add("once", "a");
  for (let number = 0; number < 5000; number++) {
    credentials.add("often", "b");
    credentials.add(String(number), undefined);
    assert.deepEqual(credentials.find("often"), { agent: "b" });
  }
  assert.equal(credentials.find("once"), undefined);
});
