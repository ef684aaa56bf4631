/** The smallest program that answers `initialize`: one read, one write. A reference for start times. */

const bytes = new Uint8Array(4096);
await Deno.stdin.read(bytes);
await Deno.stdout.write(new TextEncoder().encode('{"jsonrpc":"2.0","id":0,"result":{}}\n'));
