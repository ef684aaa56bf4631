import assert from "node:assert/strict";
import { Budget } from "../../../src/budget.ts";
import { DaemonService } from "../../../src/gateway/daemon/daemon_service.ts";
import { createLog } from "../../../src/log.ts";

Deno.test("[shared.clients] the log says why the connection of a client was ended", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { promise: disconnected, resolve } = Promise.withResolvers<string>();
  const service = new DaemonService({
    listener: {
      listener,
      authenticate: () => Promise.resolve(undefined),
      close: () => Promise.resolve(listener.close()),
    },
    key: "k",
    lingerMs: 0,
    accept: (_channel, { onClosed }) => {
      queueMicrotask(() => {
        onClosed(new Error("No longer takes messages", { cause: new Error("It reads none") }));
      });
      return {
        session: { end: () => Promise.resolve(), describe: () => ({}) },
        disconnect: () => {},
      } as never;
    },
    memoryOf: () => new Budget(1e6),
    warningOf: () => undefined,
    status: () => Promise.resolve({}),
    log: createLog({ write: (line) => line.includes("disconnected") && resolve(line) }),
  });
  using connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: (listener.addr as Deno.NetAddr).port,
  });
  const hello = { hello: 1, key: "k", action: "connect", pid: 7 };
  await connection.write(new TextEncoder().encode(`${JSON.stringify(hello)}\n`));
  const line = await disconnected;
  assert.match(line, /^warn.*A client was disconnected/);
  assert.match(line, /No longer takes messages: It reads none/);
  await service.ended;
  await service.refuseNewClients();
  service.close();
});
