import assert from "node:assert/strict";
import { type ChangingList, ListChanges } from "../../../src/gateway/offered/list_changes.ts";

/** Collects the notifications of a client. */
class Client {
  readonly received: ChangingList[] = [];
  isReading = true;
  readonly changes = new ListChanges((list) => {
    this.#attempted.resolve();
    this.#attempted = Promise.withResolvers<void>();
    if (this.isReading) this.received.push(list);
    return this.isReading;
  });
  #attempted = Promise.withResolvers<void>();

  /** Waits for the next attempt to notify the client. */
  async nextAttempt(): Promise<void> {
    await this.#attempted.promise;
  }
}

Deno.test("[direct.changes] several changes are one notification, and later ones are another", async () => {
  const client = new Client();
  client.changes.noteRequested("tools");
  for (let count = 0; count < 5; count++) client.changes.addChange("tools");
  await client.nextAttempt();
  assert.deepEqual(client.received, ["tools"]);
  client.changes.addChange("tools");
  await client.nextAttempt();
  assert.deepEqual(client.received, ["tools", "tools"]);
});

Deno.test("[direct.changes] a client is notified only of lists for which it asked", async () => {
  const client = new Client();
  client.changes.addChange("prompts");
  client.changes.addChange("tools");
  client.changes.noteRequested("tools");
  client.changes.noteRequested("resources");
  client.changes.addChange("resources");
  await client.nextAttempt();
  assert.deepEqual(client.received, ["resources"]);
  client.changes.addChange("tools");
  await client.nextAttempt();
  assert.deepEqual(client.received, ["resources", "tools"]);
});

Deno.test("[direct.changes] a client that does not read is notified later, once", async () => {
  const client = new Client();
  client.changes.noteRequested("tools");
  client.isReading = false;
  client.changes.addChange("tools");
  await client.nextAttempt();
  client.changes.addChange("tools");
  client.isReading = true;
  await client.nextAttempt();
  assert.deepEqual(client.received, ["tools"]);
});

Deno.test("[direct.changes] a client that has left is not notified", () => {
  const client = new Client();
  client.changes.noteRequested("tools");
  client.changes.addChange("tools");
  client.changes.close();
  client.changes.addChange("tools");
  // The test fails if a timer is left.
  assert.deepEqual(client.received, []);
});
