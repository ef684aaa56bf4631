/**
 * A byte pipe, the lower bound for a gateway: starts a program and copies bytes in both directions
 * without parsing them. The arguments are the program and the program's own arguments.
 */

const [command = "", ...args] = Deno.args;
const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
await Promise.all([
  Deno.stdin.readable.pipeTo(child.stdin),
  child.stdout.pipeTo(Deno.stdout.writable),
]);
await child.status;
