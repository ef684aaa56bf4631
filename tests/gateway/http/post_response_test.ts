import assert from "node:assert/strict";
import { PostResponseWriter } from "../../../src/gateway/http/post_response.ts";

Deno.test("[http.batch] a client without streams gets all answers to a batch in one message", async () => {
  const response = new PostResponseWriter({
    send: () => {},
    beginStream: () => assert.fail("The client accepts no stream"),
    keepForReplay: () => assert.fail("The client accepts no stream"),
    removeResponse: () => {},
  }, { acceptsEvents: false, acceptsPriming: false, streamAfterMs: 1000 });
  // The writer gets the answers of a batch one by one if they are too long for one message.
  for (const id of [1, 2, 3]) response.answer(`{"id":${id}}`, "batch");
  response.end();
  const result = await response.result;
  assert.ok(result.kind === "message" && !result.isInvalid);
  assert.deepEqual(JSON.parse(result.parts.join("")), [{ id: 1 }, { id: 2 }, { id: 3 }]);
});
