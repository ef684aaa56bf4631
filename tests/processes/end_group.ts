/**
 * A program that starts a process with a child, which both ignore SIGTERM, and ends their process group. It
 * prints the results of all steps as JSON. With permission to run only some programs, it tests the fallbacks.
 */
import { signalGroup, waitForGroupEnd } from "../../src/processes/process_group.ts";

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
const { value: pidText } = await child.stdout.getReader().read();

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
  grandchildPid: Number(new TextDecoder().decode(pidText)),
  results,
});
Deno.stdout.writeSync(new TextEncoder().encode(report));
