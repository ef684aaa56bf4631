/**
 * A process that works on a mailbox until it is killed. Arguments: the folder, and what to do:
 *
 * - `redeem`: takes every allowance, and prints its id.
 * - `live`: adds requests, allows them, and takes the allowances; prints each step.
 */
import { Mailbox } from "../../src/approvals/mod.ts";
import { approvalKey } from "../../src/approvals/call_to_approve.ts";

const [folder = "", mode = ""] = Deno.args;
const mailbox = new Mailbox(folder);
const print = (line: string): void => {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
};

if (mode === "redeem") {
  print("ready");
  // The test closes the input when all processes are ready.
  await new Response(Deno.stdin.readable).text();
  for (const entry of mailbox.list()) {
    if (await mailbox.redeem(entry) !== undefined) print(entry.id);
  }
} else {
  for (let count = 0;; count++) {
    const request = {
      agent: "writer",
      server: "files",
      tool: "write_file",
      args: JSON.stringify({ count, text: "x".repeat(1000) }),
      rule: "r",
      createdAt: Date.now(),
      lifetimeMs: 60_000,
      connection: undefined,
    };
    const entry = mailbox.add(request, await approvalKey(request));
    if (entry === undefined) throw new Error("The mailbox is full");
    print(`added ${entry.id}`);
    const allowed = await mailbox.allow(entry, { forSession: false });
    if (allowed === undefined) throw new Error("The request is not allowed");
    print(`allowed ${entry.id}`);
    print(`redeeming ${entry.id}`);
    if (await mailbox.redeem(allowed) === undefined) throw new Error("It is not redeemed");
    print(`redeemed ${entry.id}`);
  }
}
