/**
 * A byte pipe, the lower bound for a gateway: starts a program and passes bytes on in both directions
 * without parsing them. Its arguments are the program and the arguments of that.
 */

const [command = "", ...args] = Deno.args;
const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
await Promise.all([
  Deno.stdin.readable.pipeTo(child.stdin),
  child.stdout.pipeTo(Deno.stdout.writable),
]);
await child.status;
