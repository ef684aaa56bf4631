import assert from "node:assert/strict";
import { type ApprovalRequest, Mailbox } from "../../src/approvals/mod.ts";
import { approvalKey } from "../../src/approvals/call_to_approve.ts";
import { waitUntil } from "../e2e/wait.ts";
import { Shell } from "./shell.ts";

/** Adds a request to the mailbox of a shell's user. */
async function addRequest(shell: Shell, changes: Partial<ApprovalRequest> = {}): Promise<string> {
  const request = {
    agent: "writer",
    server: "files",
    tool: "write_file",
    args: '{"path":"/a","size":9007199254740993}',
    rule: "agents.writer.ask.tools.files[0]",
    createdAt: Date.now(),
    lifetimeMs: 60_000,
    connection: undefined,
    ...changes,
  };
  const entry = mailboxOf(shell).add(request, await approvalKey(request));
  assert.ok(entry);
  return entry.id;
}

function mailboxOf(shell: Shell): Mailbox {
  return new Mailbox(mailboxFolder(shell));
}

function mailboxFolder({ setup }: Shell): string {
  return `${setup.home}/.local/state/agent-mcp-gateway/approvals`;
}

Deno.test("[approvals.shell] approvals lists the requests, and allow and deny decide", async () => {
  await using shell = new Shell({ servers: false, rules: false });
  const empty = await shell.run(["approvals"]);
  assert.deepEqual([empty.code, empty.stdout, empty.stderr], [
    0,
    "",
    "No call waits for your approval\n",
  ]);
  assert.equal((await shell.run(["approvals", "--json"])).stdout, "[]");

  const id = await addRequest(shell);
  const other = await addRequest(shell, {
    agent: "o\u202eps\n",
    args: '{\n"text":\n"\\u001b[2J\\u202e"}',
    connection: "c",
  });
  const listed = await shell.run(["approvals"]);
  assert.ok(
    listed.stdout.includes(
      `${id} waits, expires at `,
    ),
    listed.stdout,
  );
  assert.ok(listed.stdout.includes(
    '\n  agent "writer", tool "write_file" of server "files"\n' +
      '  {\n    "path": "/a",\n    "size": 9007199254740993\n  }\n',
  ));
  assert.ok(listed.stdout.includes('agent "o\\u202eps\\n", '));
  assert.ok(listed.stdout.includes('"text": "\\u001b[2J\\u202e"'));
  assert.match(listed.stderr, /approvals allow ID/);
  const json = (await shell.run(["approvals", "--json"])).stdout;
  assert.ok(json.includes('"args":{"path":"/a","size":9007199254740993}'));
  const requests = JSON.parse(json).map(({ approval_id, state, can_allow_session }: {
    approval_id: string;
    state: string;
    can_allow_session: boolean;
  }) => [approval_id, state, can_allow_session]);
  assert.deepEqual(requests, [[id, "pending", false], [other, "pending", true]]);

  const session = await shell.run(["approvals", "allow", id, "--session"]);
  assert.equal(session.code, 1);
  assert.match(session.stderr, /leave out --session/);
  const allowed = await shell.run(["approvals", "allow", id.slice(0, 7).toUpperCase()]);
  assert.equal(allowed.code, 0, allowed.stderr);
  assert.match(
    allowed.stdout,
    /^Allowed once: agent "writer", tool "write_file" of server "files"\n/,
  );
  const again = await shell.run(["approvals", "allow", id]);
  assert.deepEqual([again.code, again.stderr], [1, `The call of ${id} was allowed before\n`]);
  const forSession = await shell.run(["approvals", "allow", other, "--session"]);
  assert.match(forSession.stdout, /^Allowed for the session: /);

  const reason = "Use the \u202eother folder";
  const denied = await shell.run(["approvals", "deny", id, "--reason", reason]);
  assert.match(denied.stdout, /^Denied until /, denied.stderr);
  for (const decision of ["allow", "deny"]) {
    const { code, stderr } = await shell.run(["approvals", decision, id]);
    assert.equal(code, 1);
    assert.match(stderr, /was denied before, and stays denied until/);
  }
  const after = await shell.run(["approvals"]);
  assert.ok(after.stdout.includes(`${id} was denied (Use the \\u202eother folder), expires at`));
  assert.ok(after.stdout.includes(`${other} was allowed for the session, expires at`));
});

Deno.test("[approvals.shell] an id that is unknown, expired, or too short a beginning is refused", async () => {
  await using shell = new Shell({ servers: false, rules: false });
  const ids: string[] = [];
  for (let index = 0; index < 32; index++) {
    ids.push(await addRequest(shell, { args: JSON.stringify({ index }) }));
  }
  // An agent can have a request of which it knows the id, and that begins like the one that the person has read.
  const [id = ""] = ids;
  for (const length of [1, 4]) {
    const { code, stderr } = await shell.run(["approvals", "allow", id.slice(0, length)]);
    assert.equal(code, 1);
    assert.match(stderr, /^"\w+" is too short: give the whole id, or at least its first 5 /);
  }
  const [name = ""] = [...Deno.readDirSync(mailboxFolder(shell))].map(({ name }) => name)
    .filter((name) => name.startsWith(id));
  const twin = `${id.slice(0, 7)}${id.endsWith("2") ? "3" : "2"}`;
  Deno.copyFileSync(
    `${mailboxFolder(shell)}/${name}`,
    `${mailboxFolder(shell)}/${name.replace(id, twin)}`,
  );
  const several = await shell.run(["approvals", "allow", id.slice(0, 7)]);
  assert.equal(several.code, 1);
  assert.match(
    several.stderr,
    new RegExp(`^Several ids begin with "${id.slice(0, 7)}": (?:${id}|${twin}), `),
  );
  for (const unknown of ["zzzzzzzz", "../xyz"]) {
    const { code, stderr } = await shell.run(["approvals", "deny", unknown]);
    assert.equal(code, 1, unknown);
    assert.match(stderr, /^No request has the id "/, unknown);
  }
  assert.equal((await shell.run(["approvals", "allow"])).code, 2);
  assert.equal((await shell.run(["approvals", "alow", "x"])).code, 2);
  assert.equal(mailboxOf(shell).list().filter(({ state }) => state === "pending").length, 33);
});

Deno.test("[approvals.shell] deny says that nothing was decided if the mailbox cannot be written", async () => {
  await using shell = new Shell({ servers: false, rules: false });
  const id = await addRequest(shell);
  Deno.mkdirSync(`${mailboxFolder(shell)}/${id}.reason`);
  const denied = await shell.run(["approvals", "deny", id, "--reason", "No"]);
  assert.deepEqual([denied.code, denied.stdout], [1, ""]);
  assert.match(denied.stderr, /^Nothing was decided: the folder of the approvals cannot be used: /);
  assert.deepEqual(mailboxOf(shell).list().map(({ state }) => state), ["pending"]);
});

Deno.test("[approvals.shell] --watch prints each new request once, without a terminal", async () => {
  await using shell = new Shell({ servers: false, rules: false });
  const watch = await shell.start("approvals", "--watch", "--json");
  try {
    const seen = () => watch.lines.map((line) => JSON.parse(line).approval_id);
    const ids = [await addRequest(shell)];
    await waitUntil("the first request is printed", () => seen().length === 1);
    ids.push(await addRequest(shell, { args: '{\n"b":\n2}' }));
    ids.push(await addRequest(shell, { args: '{"c":3}' }));
    await waitUntil("the others are printed", () => seen().length === 3);
    assert.deepEqual(seen(), ids);
    Deno.chmodSync(`${shell.setup.home}/.local/state/agent-mcp-gateway/approvals`, 0o755);
    const { code } = await watch.waitForEnd();
    assert.equal(code, 1);
    assert.match(watch.stderr, /^Approvals cannot be read: other users can access /);
  } finally {
    watch.sendSignal("SIGKILL");
  }
});
