import assert from "node:assert/strict";
import { createLog, type Log, type LogLevel, type LogOptions } from "../../src/log.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Returns the lines that a log writes. */
function writtenLines(options: LogOptions, writeTo: (log: Log) => void): string[] {
  const lines: string[] = [];
  writeTo(createLog({ level: "debug", ...options, write: (line) => void lines.push(line) }));
  return lines;
}

function logAtEachLevel(log: Log): void {
  for (const level of LEVELS) log[level]("started", { server: "a b", count: 2, absent: undefined });
}

Deno.test("[log.text] a line has the level unless it is info, the message and the fields", () => {
  assert.deepEqual(writtenLines({}, logAtEachLevel), [
    'debug: started server="a b" count=2\n',
    'started server="a b" count=2\n',
    'warn: started server="a b" count=2\n',
    'error: started server="a b" count=2\n',
  ]);
});

Deno.test("[log.colours] only the level is colored, and only in text", () => {
  assert.deepEqual(writtenLines({ colors: true }, logAtEachLevel), [
    '\x1b[2mdebug: \x1b[0mstarted server="a b" count=2\n',
    'started server="a b" count=2\n',
    '\x1b[33mwarn: \x1b[0mstarted server="a b" count=2\n',
    '\x1b[31merror: \x1b[0mstarted server="a b" count=2\n',
  ]);
  const json = writtenLines({ colors: true, format: "json" }, logAtEachLevel);
  assert.equal(json.join("").includes("\x1b"), false);
});

Deno.test("[log.json] in JSON, a field does not replace the time, level or message", () => {
  const lines = writtenLines({ format: "json" }, (log) => {
    log.warn("it\nwas", { server: "a", level: "none", message: "forged", time: 0 });
  });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^\{[^\n]*\}\n$/);
  const { time, ...otherMembers } = JSON.parse(lines[0] ?? "");
  assert.deepEqual(otherMembers, { level: "warn", message: "it\nwas", server: "a" });
  assert.equal(new Date(time).toISOString(), time);
});

Deno.test("[log.no-forgery] a message or a field with control characters forges no line and moves no cursor", () => {
  for (const colors of [false, true]) {
    const [line = ""] = writtenLines({ colors }, (log) => {
      log.info("said:\nerror: forged\r\x1b[2J\x9b1m", { excerpt: "\nerror: \x1b[31m" });
    });
    const escaped = 'said: excerpt="\\nerror: \\u001b[31m"\n  error: forged\\r\\x1b[2J\\x9b1m\n';
    assert.equal(line, escaped);
  }
});

Deno.test("[log.level] events below the level are dropped", () => {
  for (const [index, level] of LEVELS.entries()) {
    assert.equal(writtenLines({ level }, logAtEachLevel).length, LEVELS.length - index);
  }
});

Deno.test("[log.redacted] fields are redacted at every level, and messages of the levels debug, warn and error", () => {
  const redact = (text: string): string => text.replaceAll("hunter2", "[redacted]");
  for (const format of ["text", "json"] as const) {
    const lines = writtenLines({ format, redact }, (log) => {
      for (const level of LEVELS) log[level]("started", { server: "hunter2" });
      for (const level of ["debug", "warn", "error"] as const) log[level]("started hunter2");
    });
    assert.equal(lines.length, 7);
    for (const line of lines) {
      assert.equal(line.includes("hunter2"), false);
      assert.match(line, /\[redacted\]/);
    }
  }
});
