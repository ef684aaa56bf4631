import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  type ApprovalRequest,
  formatArguments,
  formatName,
  Mailbox,
  MailboxError,
} from "../../src/approvals/mod.ts";
import { approvalKey } from "../../src/approvals/call_to_approve.ts";
import { createPipe, TempFolder } from "../config/temp_folder.ts";
import { SleepingClock } from "../sleeping_clock.ts";
import { waitUntil } from "../e2e/wait.ts";

const PROGRAM = fileURLToPath(new URL("mailbox_process.ts", import.meta.url));

function requestOf(changes: Partial<ApprovalRequest> = {}): ApprovalRequest {
  return {
    agent: "writer",
    server: "files",
    tool: "write_file",
    args: '{"path":"/a"}',
    rule: "agents.writer.ask.tools.files[0]",
    createdAt: Date.now(),
    lifetimeMs: 60_000,
    connection: undefined,
    ...changes,
  };
}

/** A mailbox in a temporary folder. */
class TestMailbox extends TempFolder {
  readonly folder = `${this.path}/state/approvals`;
  readonly mailbox = new Mailbox(this.folder);

  async add(changes: Partial<ApprovalRequest> = {}) {
    const request = requestOf(changes);
    const entry = this.mailbox.add(request, await approvalKey(request));
    assert.ok(entry);
    return entry;
  }

  /** Adds a request, and allows it. */
  async addAllowed(changes: Partial<ApprovalRequest> = {}) {
    const entry = await this.mailbox.allow(await this.add(changes), { forSession: false });
    assert.ok(entry);
    return entry;
  }

  /** Returns the path of the only file, or of the one whose name ends with a text. */
  file(end = ""): string {
    const names = [...Deno.readDirSync(this.folder)].map(({ name }) => name);
    const name = names.find((name) => name.endsWith(end));
    assert.ok(name, `${names}`);
    return `${this.folder}/${name}`;
  }

  names(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name);
  }
}

Deno.test("[approvals.exact] calls have one key only if they are the same call", async () => {
  const keyOf = (changes: Partial<ApprovalRequest>) => approvalKey(requestOf(changes));
  const same = [
    ['{"a":1,"b":"x"}', '{ "b" : "x",\n "a" : 1 }'],
    ['{"a":1}', '{"a":1.0}'],
    ['{"a":100}', '{"a":1e2}'],
    ['{"a":"é"}', '{"a":"\\u00e9"}'],
    ['{"a":0.1}', '{"a":0.10}'],
    ['{"a":1e21}', '{"a":1000000000000000000000}'],
  ];
  for (const [one = "", two = ""] of same) {
    assert.equal(await keyOf({ args: one }), await keyOf({ args: two }), `${one} ${two}`);
  }
  const different = [
    ['{"a":9007199254740993}', '{"a":9007199254740992}'],
    ['{"a":9007199254740993}', '{"a":9007199254740994}'],
    ['{"a":0.1}', '{"a":0.1000000000000000055511151231257827}'],
    ['{"a":1e400}', '{"a":1e401}'],
    ['{"a":"\\ud800"}', '{"a":"\\ud801"}'],
    ['{"a":"\\ud800"}', '{"a":"\\ufffd"}'],
    ['{"a":1}', '{"a":"1"}'],
    ['{"a":0}', '{"a":-0}'],
    ['{"a":[1,2]}', '{"a":[2,1]}'],
    ['{"a":"e\u0301"}', '{"a":"\u00e9"}'],
    ['{"a":{}}', '{"a":[]}'],
    ['{"a":null}', "{}"],
    ['{"__proto__":1}', "{}"],
    ['{"a":1e-400}', '{"a":0}'],
  ];
  for (const [one = "", two = ""] of different) {
    assert.notEqual(await keyOf({ args: one }), await keyOf({ args: two }), `${one} ${two}`);
  }
  const keys = await Promise.all([
    keyOf({}),
    keyOf({ agent: "other" }),
    keyOf({ server: "other" }),
    keyOf({ tool: "other" }),
    keyOf({ server: 'files","write_file', tool: "" }),
    keyOf({ server: "", tool: 'files","write_file' }),
  ]);
  assert.equal(new Set(keys).size, keys.length);
});

Deno.test("[approvals.exact] a person sees all arguments, with every character that cannot be printed as an escape", () => {
  const cases: [string, string][] = [
    [
      '{"n":9007199254740993,"t":"\\u0072m"}',
      '{\n  "n": 9007199254740993,\n  "t": "rm"\n}',
    ],
    [
      '{"a":"x\u202ey\u200b","b":"\\u001b[2J"}',
      '{\n  "a": "x\\u202ey\\u200b",\n  "b": "\\u001b[2J"\n}',
    ],
    [`{${"\n".repeat(5000)}"a":1}`, '{\n  "a": 1\n}'],
    ['{"\\u202e":1.50}', '{\n  "\\u202e": 1.50\n}'],
    ["{}", "{}"],
    [
      '{ "e" : [ ], "o": { } , "z":[ {"a" : null}, true,\n-0 ]}',
      [
        "{",
        '  "e": [],',
        '  "o": {},',
        '  "z": [',
        "    {",
        '      "a": null',
        "    },",
        "    true,",
        "    -0",
        "  ]",
        "}",
      ].join("\n"),
    ],
    // Fillers, selectors of variants, spaces other than the ordinary one, and private characters.
    [
      '{"a":"\u3164\u115f\u034f\u2800\ufe0f\u{e0101}\u{e0041}","b":"/srv\u00a0/x\u3000","c":"\ue000\u0378"}',
      '{\n  "a": "\\u3164\\u115f\\u034f\\u2800\\ufe0f\\udb40\\udd01\\udb40\\udc41",\n' +
      '  "b": "/srv\\u00a0/x\\u3000",\n  "c": "\\ue000\\u0378"\n}',
    ],
    // Letters, marks and emoji stay as they are.
    ['{"a":"Grüße, 東京, नमस्ते, 😀"}', '{\n  "a": "Grüße, 東京, नमस्ते, 😀"\n}'],
  ];
  for (const [json, shown] of cases) assert.equal(formatArguments(json), shown);
  assert.equal(formatName('a\\" of "b\n\u3164'), '"a\\\\\\" of \\"b\\n\\u3164"');
  const long = "y".repeat(200_000);
  assert.ok(formatArguments(JSON.stringify({ long })).includes(long));
  const deep = `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  const shownDeep = formatArguments(deep);
  assert.ok(shownDeep.includes("[".repeat(40_000)));
  // Indents would make gigabytes of it, and the caller's own line feeds would move the end out of sight.
  const spaced = `{"a":${"[\n\n".repeat(3000)}1${"\n]".repeat(3000)},"path":"/etc"}`;
  const shownSpaced = formatArguments(spaced);
  assert.ok(shownSpaced.length < 8000, `${shownSpaced.length}`);
  assert.ok(shownSpaced.split("\n").length < 30);
  assert.ok(shownSpaced.endsWith(',\n  "path": "/etc"\n}'));
});

Deno.test("[approvals.once] a request is decided once, and its allowance serves one call", async () => {
  using test = new TestMailbox();
  const { mailbox } = test;
  assert.deepEqual(mailbox.list(), []);
  const pending = await test.add();
  assert.match(pending.id, /^[2-9a-hjkmnp-z]{8}$/);
  assert.equal(await mailbox.redeem(pending), undefined);
  assert.equal((await mailbox.read(pending))?.args, '{"path":"/a"}');
  assert.deepEqual(await test.add({ args: '{ "path": "/a" }' }), pending, "the same call waits");
  const allowed = await mailbox.allow(pending, { forSession: false });
  assert.ok(allowed);
  assert.equal(await mailbox.allow(pending, { forSession: true }), undefined);
  assert.equal(await mailbox.allow(allowed, { forSession: true }), undefined);
  // A forged entry of another call, or with another time of expiry, is not in the mailbox.
  const key = await approvalKey(requestOf({ tool: "delete_file" }));
  assert.equal(await mailbox.redeem({ ...allowed, key }), undefined);
  assert.equal(await mailbox.redeem({ ...allowed, expiresAt: allowed.expiresAt + 1 }), undefined);
  const results = await Promise.all([1, 2, 3, 4, 5].map(() => mailbox.redeem(allowed)));
  assert.equal(results.filter((result) => result !== undefined).length, 1);
  assert.deepEqual(test.names(), []);
});

Deno.test("[approvals.once] a denial wins over an allowance, and stands", async () => {
  using test = new TestMailbox();
  const { mailbox } = test;
  const allowed = await test.addAllowed();
  const denied = await mailbox.deny(allowed, { by: "shell", reason: "Use the other folder" });
  assert.ok(denied);
  assert.equal(mailbox.readReason(denied), "Use the other folder");
  assert.equal(await mailbox.redeem(allowed), undefined);
  assert.equal(await mailbox.redeem(denied), undefined);
  assert.equal(await mailbox.allow(denied, { forSession: false }), undefined);
  assert.equal(await mailbox.deny(denied, { by: "client" }), undefined);
  mailbox.withdraw(denied);
  assert.deepEqual(mailbox.list(), [denied]);
  const other = await test.addAllowed({ args: '{"path":"/b"}' });
  assert.ok(await mailbox.redeem(other));
  assert.equal(await mailbox.deny(other, { by: "shell" }), undefined, "the call was made");
  const third = await test.add({ args: '{"path":"/c"}' });
  mailbox.withdraw(third);
  assert.equal(await mailbox.allow(third, { forSession: false }), undefined);
});

Deno.test("[approvals.once] of several processes, one takes an allowance", async () => {
  using test = new TestMailbox();
  const ids = new Set<string>();
  for (let index = 0; index < 40; index++) {
    ids.add((await test.addAllowed({ args: JSON.stringify({ index }) })).id);
  }
  const processes = Array.from({ length: 4 }, () => startProcess(test.folder, "redeem"));
  const outputs = processes.map(({ stdout }) => stdout.pipeThrough(new TextDecoderStream()));
  const readers = outputs.map((output) => output.getReader());
  for (const reader of readers) assert.equal((await reader.read()).value, "ready\n");
  await Promise.all(processes.map(({ stdin }) => stdin.close()));
  const texts = await Promise.all(readers.map(async (reader) => {
    let text = "";
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) return text;
      text += value;
    }
  }));
  await Promise.all(processes.map(({ status }) => status));
  const taken = texts.flatMap((text) => text.split("\n").filter((line) => line !== ""));
  assert.equal(taken.length, ids.size);
  assert.deepEqual(new Set(taken), ids);
});

Deno.test("[approvals.once] a process that is killed at any moment leaves nothing that approves again", async () => {
  using test = new TestMailbox();
  const decoder = new TextDecoder();
  const redeemed = new Set<string>();
  const allowed = new Set<string>();
  for (let round = 0; round < 15; round++) {
    const process = startProcess(test.folder, "live");
    let text = "";
    const reader = process.stdout.getReader();
    // The moment differs from round to round: after some lines, and some microseconds.
    while (text.split("\n").length < 3 + 4 * round) {
      const { value } = await reader.read();
      if (value === undefined) break;
      text += decoder.decode(value);
    }
    process.kill("SIGKILL");
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) break;
      text += decoder.decode(value);
    }
    await process.stdin.close().catch(() => {});
    assert.equal((await process.status).signal, "SIGKILL");
    for (const line of text.split("\n")) {
      const [step, id = ""] = line.split(" ");
      if (step === "redeemed") redeemed.add(id);
      if (step === "allowed") allowed.add(id);
    }
    for (const entry of test.mailbox.list()) {
      // Each file is whole, and an allowance that was taken is gone.
      assert.ok(await test.mailbox.read(entry));
      assert.ok(!redeemed.has(entry.id), "an allowance can be taken twice");
      test.mailbox.withdraw(entry);
    }
  }
  assert.ok(redeemed.size > 15 && allowed.size >= redeemed.size);
});

function startProcess(folder: string, mode: string): Deno.ChildProcess {
  const flags = ["--quiet", "--no-prompt", `--allow-read`, `--allow-write`, "--allow-sys=uid"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, PROGRAM, folder, mode],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

Deno.test("[wake.clocks] an allowance is not valid for longer because the clock was set back", async () => {
  using clock = new SleepingClock();
  using test = new TestMailbox();
  const { mailbox } = test;
  const allowed = await test.addAllowed({ lifetimeMs: 600_000 });
  clock.sleep(-5 * 3_600_000);
  assert.equal(await mailbox.redeem(allowed), undefined);
  clock.sleep(5 * 3_600_000);
  // A small correction of the clock changes nothing.
  clock.sleep(-30_000);
  assert.ok(await mailbox.redeem(allowed));
});

Deno.test("[approvals.expiry] requests and decisions expire, and are removed by the next reader", async () => {
  using test = new TestMailbox();
  const { mailbox } = test;
  const createdAt = Date.now() - 59_000;
  const late = await mailbox.allow(await test.add({ createdAt }), { forSession: false });
  assert.ok(late);
  assert.ok(late.expiresAt > Date.now() + 58_000, "the decision is valid as long as the request");
  assert.ok(await mailbox.redeem(late));

  const pending = await test.add({ lifetimeMs: 300 });
  const allowed = await test.addAllowed({ args: '{"b":1}', lifetimeMs: 300 });
  const denied = await mailbox.deny(await test.add({ args: '{"c":1}' }), {
    by: "shell",
    reason: "no",
  });
  assert.ok(denied);
  const expiresAt = Math.max(pending.expiresAt, allowed.expiresAt);
  await waitUntil("both have expired", () => Date.now() > expiresAt);
  assert.equal(await mailbox.allow(pending, { forSession: false }), undefined);
  assert.equal(await mailbox.redeem(allowed), undefined);
  assert.deepEqual(mailbox.list(), [denied]);
  assert.equal(test.names().length, 2, "the denial and its reason");

  // An allowance of the far future is that of a clock that was set back.
  const file = test.file(".denied");
  const future = file.replace(/\.\d+\.denied$/, `.${Date.now() + 2 * 86_400_000}.allowed`);
  Deno.renameSync(file, future);
  assert.deepEqual(mailbox.list(), []);
  // The files that killed processes left are removed when they are old.
  const temporary = `${test.folder}/${crypto.randomUUID()}.tmp`;
  Deno.writeTextFileSync(temporary, "half");
  Deno.writeTextFileSync(`${test.folder}/notes.txt`, "not the gateway's");
  Deno.removeSync(future);
  mailbox.list();
  assert.equal(test.names().length, 3);
  const old = new Date(Date.now() - 3_600_000);
  for (const name of test.names()) Deno.utimeSync(`${test.folder}/${name}`, old, old);
  mailbox.list();
  assert.deepEqual(test.names(), ["notes.txt"]);
});

Deno.test("[approvals.bounds] an agent cannot fill the mailbox", async () => {
  using test = new TestMailbox();
  let added = 0;
  for (; added < 200; added++) {
    const request = requestOf({ args: JSON.stringify({ added }) });
    if (test.mailbox.add(request, await approvalKey(request)) === undefined) break;
  }
  assert.ok(added >= 50 && added < 128, `${added} requests of one agent`);
  await test.add({ agent: "other" });
  const length = 256 * 1024;
  await test.add({
    agent: "other",
    args: JSON.stringify({ text: "\ud83d\ude00".repeat(length / 2 - 10) }),
  });
  for (let index = 0; index < 5000; index++) Deno.createSync(`${test.folder}/${index}`).close();
  assert.throws(() => test.mailbox.list(), /holds more than 5000 files/);
});

Deno.test("[approvals.mailbox] only the user can read what the mailbox holds", async () => {
  using test = new TestMailbox();
  await test.add();
  assert.equal((Deno.lstatSync(test.folder).mode ?? 0) & 0o777, 0o700);
  assert.equal((Deno.lstatSync(test.file()).mode ?? 0) & 0o777, 0o600);
});

Deno.test("[approvals.mailbox] a damaged, foreign or linked file approves nothing", async (t) => {
  const damages: Record<string, (test: TestMailbox, file: string) => void> = {
    "other rights": (_, file) => Deno.chmodSync(file, 0o644),
    "a link": (test, file) => {
      Deno.renameSync(file, `${test.path}/real`);
      Deno.symlinkSync(`${test.path}/real`, file);
    },
    "a pipe": (_, file) => {
      Deno.removeSync(file);
      createPipe(file);
    },
    "a folder": (_, file) => {
      Deno.removeSync(file);
      Deno.mkdirSync(file);
    },
    "nothing in it": (_, file) => Deno.truncateSync(file),
    "half of it": (_, file) => Deno.truncateSync(file, 50),
    "no JSON": (_, file) => Deno.writeTextFileSync(file, "allow!"),
    "too much": (_, file) => Deno.truncateSync(file, 3 * 1024 * 1024),
    "another version": (_, file) => edit(file, (value) => ({ ...value, version: 2 })),
    "other arguments": (_, file) => edit(file, (value) => ({ ...value, args: '{"path":"/b"}' })),
    "arguments that are no object": (_, file) => edit(file, (value) => ({ ...value, args: "[]" })),
    "another tool": (_, file) => edit(file, (value) => ({ ...value, tool: "read_file" })),
    "no time": (_, file) => edit(file, (value) => ({ ...value, createdAt: "now" })),
  };
  for (const [name, damage] of Object.entries(damages)) {
    await t.step(name, async () => {
      using test = new TestMailbox();
      const allowed = await test.addAllowed();
      const file = test.file();
      damage(test, file);
      assert.equal(await test.mailbox.redeem(allowed), undefined);
      for (const entry of test.mailbox.list()) {
        assert.equal(await test.mailbox.read(entry), undefined);
        assert.equal(await test.mailbox.redeem(entry), undefined);
        assert.equal(await test.mailbox.deny(entry, { by: "shell" }), undefined);
      }
      Deno.renameSync(file, file.replace("allowed", "pending"));
      for (const entry of test.mailbox.list()) {
        assert.equal(await test.mailbox.allow(entry, { forSession: false }), undefined);
      }
    });
  }
});

function edit(file: string, change: (value: Record<string, unknown>) => unknown): void {
  Deno.writeTextFileSync(file, JSON.stringify(change(JSON.parse(Deno.readTextFileSync(file)))));
}

Deno.test("[approvals.mailbox] a folder that others can access, or a link, is not used", async (t) => {
  const dangers: Record<string, (folder: string, test: TestMailbox) => void> = {
    "that others can read": (folder) => Deno.chmodSync(folder, 0o750),
    "that others can write": (folder) => Deno.chmodSync(folder, 0o777),
    "that is a link": (folder, test) => {
      Deno.renameSync(folder, `${test.path}/elsewhere`);
      Deno.symlinkSync(`${test.path}/elsewhere`, folder);
    },
    "that is a file": (folder) => {
      Deno.removeSync(folder, { recursive: true });
      Deno.writeTextFileSync(folder, "");
    },
    "in a linked folder": (folder, test) => {
      const parent = folder.replace(/\/[^/]*$/, "");
      Deno.renameSync(parent, `${test.path}/elsewhere`);
      Deno.symlinkSync(`${test.path}/elsewhere`, parent);
    },
  };
  for (const [name, makeDangerous] of Object.entries(dangers)) {
    await t.step(`a folder ${name}`, async () => {
      using test = new TestMailbox();
      await test.addAllowed();
      makeDangerous(test.folder, test);
      assert.throws(() => test.mailbox.list(), MailboxError);
      const request = requestOf({ args: '{"new":1}' });
      const key = await approvalKey(request);
      assert.throws(() => test.mailbox.add(request, key), MailboxError);
    });
  }
  await t.step("the folder around it is made safe", async () => {
    using test = new TestMailbox();
    const parent = `${test.path}/state`;
    Deno.mkdirSync(parent);
    Deno.chmodSync(parent, 0o775);
    await test.add();
    assert.equal((Deno.lstatSync(parent).mode ?? 0) & 0o777, 0o755);
  });
  await t.step("no home folder", () => {
    assert.throws(() => new Mailbox("./.local/state/approvals").list(), /set HOME/);
  });
});
