/**
 * A gateway that renews tokens, as a process of its own. It uses a login in a loop until its
 * standard input ends. `deno run renewing_process.ts STORE CONFIG`, where CONFIG is a server's
 * entry as JSON.
 */
import { createServerAuth, PendingOperations } from "../../src/downstream/mod.ts";
import { createLog } from "../../src/log.ts";
import { send } from "./scene.ts";

const [folder = "", entry = ""] = Deno.args;
const config = JSON.parse(entry);
const authorization = createServerAuth(config, {
  pending: new PendingOperations(),
  isInteractive: false,
  log: createLog({ level: "debug" }),
  folder,
});
if (authorization === undefined) throw new Error("Not a remote server");

let isOver = false;
const ended = (async () => {
  for await (const _ of Deno.stdin.readable);
  isOver = true;
})();
const counts: Record<string, number> = {};
while (!isOver) {
  const calls = Array.from({ length: 3 }, async () => {
    try {
      return String(await send(authorization, config.connect.url));
    } catch (error) {
      return String(error);
    }
  });
  for (const outcome of await Promise.all(calls)) counts[outcome] = (counts[outcome] ?? 0) + 1;
}
await ended;
await authorization.close();
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(counts)}\n`));
