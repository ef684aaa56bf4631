/**
 * A program that starts a process and a child of it, which both ignore SIGTERM, and ends their group. Prints
 * the results of all steps as JSON. If it may not run every program, it tests the fallbacks.
 */
import { signalGroup, waitForGroupEnd } from "../../src/downstream/transports/process_group.ts";

// The inner shell does not inherit the pipe to this program.
const script =
  `trap '' TERM; sh -c "trap '' TERM; sleep 600; sleep 600" >/dev/null & echo $!; wait`;
const child = new Deno.Command("sh", {
  args: ["-c", script],
  stdin: "null",
  stdout: "piped",
  stderr: "null",
  detached: true,
}).spawn();
const { value } = await child.stdout.getReader().read();

const results = [
  signalGroup(child.pid, 0),
  signalGroup(child.pid, "SIGTERM"),
  await waitForGroupEnd(child.pid, 50),
  signalGroup(child.pid, "SIGKILL"),
];
await child.status;
results.push(await waitForGroupEnd(child.pid, 5000), signalGroup(child.pid, "SIGKILL"));
const report = JSON.stringify({
  mayRunAll: Deno.permissions.querySync({ name: "run" }).state === "granted",
  grandchild: Number(new TextDecoder().decode(value)),
  results,
});
Deno.stdout.writeSync(new TextEncoder().encode(report));
