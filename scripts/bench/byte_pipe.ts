/**
 * What a gateway cannot beat: starts a program and passes bytes on both ways, without a look at
 * them. The program and its arguments are this one's arguments.
 */

const [command = "", ...args] = Deno.args;
const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
await Promise.all([
  Deno.stdin.readable.pipeTo(child.stdin),
  child.stdout.pipeTo(Deno.stdout.writable),
]);
await child.status;
