/**
 * A program that sends requests with a stored login, and renews its tokens, until its standard input ends.
 * It then prints the number of requests by outcome: the status or the error.
 *
 * Usage: `deno run renewing_process.ts STORE CONFIG`, where STORE is the folder of the token store and
 * CONFIG is a `ServerConfig` as JSON.
 */
import { createServerAuth, PendingOperations } from "../../src/downstream/mod.ts";
import { createLog } from "../../src/log.ts";
import { sendRequest } from "./oauth_fixture.ts";

const [folder = "", entry = ""] = Deno.args;
const config = JSON.parse(entry);
const auth = createServerAuth(config, {
  pending: new PendingOperations(),
  isInteractive: false,
  log: createLog({ level: "debug" }),
  folder,
});
if (auth === undefined) throw new Error("Not a remote server");

let hasInputEnded = false;
const inputEnd = (async () => {
  for await (const _ of Deno.stdin.readable);
  hasInputEnded = true;
})();
const countsByOutcome: Record<string, number> = {};
while (!hasInputEnded) {
  const calls = Array.from({ length: 3 }, async () => {
    try {
      return String(await sendRequest(auth, config.connection.url));
    } catch (error) {
      return String(error);
    }
  });
  for (const outcome of await Promise.all(calls)) {
    countsByOutcome[outcome] = (countsByOutcome[outcome] ?? 0) + 1;
  }
}
await inputEnd;
await auth.close();
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(countsByOutcome)}\n`));
