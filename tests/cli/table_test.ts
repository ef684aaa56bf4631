import assert from "node:assert/strict";
import fc from "fast-check";
import { paragraph, table } from "../../src/cli/table.ts";
import { wrapText } from "../../src/cli/wrap.ts";

const plainStyle = (columns: number) => ({ columns, colors: false, isTerminal: false });

Deno.test("[cli.tables] numbers are right-aligned, and names are broken at separators", () => {
  const columns = [{ title: "NAME" }, { title: "N", isNumber: true }];
  assert.equal(
    table({ columns, rows: [["a", "1"], ["bc", "20"]] }, plainStyle(80)),
    "NAME   N\na      1\nbc    20\n",
  );
  const longRows = [["agents.researcher.allow.tools", "1,234"]];
  assert.equal(
    table({ columns, rows: longRows }, plainStyle(24)),
    "NAME                   N\nagents.researcher  1,234\n.allow.tools\n",
  );
});

Deno.test("[cli.tables] colors do not count as width, and apply to cells, not to titles", () => {
  const columns = [{ title: "A", color: () => "green" as const }, { title: "B" }];
  const style = { columns: 80, colors: true, isTerminal: true };
  assert.equal(table({ columns, rows: [["x", "y"]] }, style), "A  B\n\x1b[32mx\x1b[39m  y\n");
});

Deno.test("[cli.tables] with any cell content, lines fit and the cursor does not move", () => {
  const cell = fc.string({ unit: "binary", maxLength: 60 });
  const rows = fc.array(fc.tuple(cell, cell, fc.nat().map(String)), { maxLength: 5 });
  fc.assert(fc.property(rows, fc.integer({ min: 50, max: 100 }), (cells, width) => {
    const columns = [{ title: "ONE" }, { title: "TWO" }, { title: "N", isNumber: true }];
    const text = table({ columns, rows: cells }, plainStyle(width));
    for (const line of text.split("\n")) assert.ok([...line].length <= width, line);
    assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\u202e]/u);
  }));
});

Deno.test("[cli.tables] paragraphs keep every word whole", () => {
  const words = fc.array(fc.stringMatching(/^[a-z./-]{1,30}$/), { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(words, fc.integer({ min: 20, max: 80 }), (list, width) => {
    const text = paragraph(list.join(" "), plainStyle(width), "  ");
    assert.equal(text.replaceAll(/\s/g, ""), list.join(""));
    for (const line of text.split("\n")) {
      assert.ok(line.length <= width || !line.trim().includes(" "), line);
    }
    assert.deepEqual(text.split(/\s+/).filter((word) => word !== ""), list, "no word is broken");
  }));
});

Deno.test("[cli.tables] texts are broken at words, but not in commands, flags and paths", () => {
  const path = "/home/somebody/.config/agent-mcp-gateway/.mcp-gateway-rules.json";
  const cases: readonly [text: string, expected: string][] = [
    [
      `error ${path}: unknown key`,
      `error\n  ${path}:\n  unknown key`,
    ],
    [
      "run it: agent-mcp-gateway auth login notes",
      "run it:\n  agent-mcp-gateway auth login\n  notes",
    ],
    [
      "  serve [--mcp-config file] [--rules file]",
      "  serve [--mcp-config file]\n    [--rules file]",
    ],
    [
      "  --port  The port to listen on, for http, or any",
      "  --port  The port to listen\n          on, for http, or any",
    ],
    [
      "Example: agent-mcp-gateway call files read '{}'",
      "Example: agent-mcp-gateway call files read '{}'",
    ],
    ["short\n\nlines stay", "short\n\nlines stay"],
  ];
  for (const [text, expected] of cases) assert.equal(wrapText(text, 30), expected);
});
