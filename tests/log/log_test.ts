import assert from "node:assert/strict";
import { createLog, type Log, type LogLevel, type LogOptions } from "../../src/log.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Returns the lines that a log writes for these calls. */
function written(options: LogOptions, use: (log: Log) => void): string[] {
  const lines: string[] = [];
  use(createLog({ level: "debug", ...options, write: (line) => void lines.push(line) }));
  return lines;
}

function say(log: Log): void {
  for (const level of LEVELS) log[level]("it was", { what: "a b", count: 2, gone: undefined });
}

Deno.test("[log.text] a line has time, level, text and fields", () => {
  assert.deepEqual(written({}, say), [
    'debug: it was what="a b" count=2\n',
    'it was what="a b" count=2\n',
    'warn: it was what="a b" count=2\n',
    'error: it was what="a b" count=2\n',
  ]);
});

Deno.test("[log.colours] colors mark the level, and nothing else", () => {
  assert.deepEqual(written({ colors: true }, say), [
    '\x1b[2mdebug: \x1b[0mit was what="a b" count=2\n',
    'it was what="a b" count=2\n',
    '\x1b[33mwarn: \x1b[0mit was what="a b" count=2\n',
    '\x1b[31merror: \x1b[0mit was what="a b" count=2\n',
  ]);
  const json = written({ colors: true, format: "json" }, say);
  assert.equal(json.join("").includes("\x1b"), false);
});

Deno.test("[log.json] JSON: no field replaces one of the event itself", () => {
  const lines = written({ format: "json" }, (log) => {
    log.warn("it\nwas", { server: "a", level: "none", message: "forged", time: 0 });
  });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^\{[^\n]*\}\n$/);
  const { time, ...rest } = JSON.parse(lines[0] ?? "");
  assert.deepEqual(rest, { level: "warn", message: "it\nwas", server: "a" });
  assert.equal(new Date(time).toISOString(), time);
});

Deno.test("[log.no-forgery] quoted text forges no line and moves no cursor", () => {
  for (const colors of [false, true]) {
    const [line = ""] = written({ colors }, (log) => {
      log.info("said:\nerror: forged\r\x1b[2J\x9b1m", { excerpt: "\nerror: \x1b[31m" });
    });
    const quoted = 'said: excerpt="\\nerror: \\u001b[31m"\n  error: forged\\r\\x1b[2J\\x9b1m\n';
    assert.equal(line, quoted);
  }
});

Deno.test("[log.level] events below the level are dropped", () => {
  for (const [index, level] of LEVELS.entries()) {
    assert.equal(written({ level }, say).length, LEVELS.length - index);
  }
});

Deno.test("[log.redacted] every message with quotes, and every field, is redacted", () => {
  const clean = (text: string): string => text.replaceAll("hunter2", "[redacted]");
  for (const format of ["text", "json"] as const) {
    const lines = written({ format, redact: clean }, (log) => {
      for (const level of LEVELS) log[level]("it was", { what: "hunter2" });
      for (const level of ["debug", "warn", "error"] as const) log[level]("it was hunter2");
    });
    assert.equal(lines.length, 7);
    for (const line of lines) {
      assert.equal(line.includes("hunter2"), false);
      assert.match(line, /\[redacted\]/);
    }
  }
});
