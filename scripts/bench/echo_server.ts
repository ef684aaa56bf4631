/**
 * The server behind all contestants: answers `echo` with the requested number of bytes. It is fast,
 * so that the program in front of it dominates the time.
 *
 * `--tools=N` adds N tools to the list; `--hang` answers nothing.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const texts = new Map<number, string>();
const tools = [
  {
    name: "echo",
    description: "Answers with a text of n bytes.",
    inputSchema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
  },
  ...Array.from({ length: flag("tools") }, (_, number) => manyTool(number)),
];
const isHung = Deno.args.includes("--hang");
let queue: string[] = [];
let isWriting = false;
let partialLine = "";

function flag(name: string): number {
  const found = Deno.args.find((arg) => arg.startsWith(`--${name}=`));
  return found === undefined ? 0 : Number(found.split("=")[1]);
}

function manyTool(number: number): unknown {
  return {
    name: `tool_${number}`,
    description: `Finds what was written about subject ${number}, newest first, page by page.`,
    inputSchema: {
      type: "object",
      properties: {
        query: { type: "string", description: "Words to look for, all of which must occur" },
        limit: { type: "integer", description: "How many to give", default: 10, maximum: 100 },
        sort: { type: "string", enum: ["asc", "desc"], description: "Order by date" },
      },
      required: ["query"],
    },
  };
}

function text(bytes: number): string {
  let known = texts.get(bytes);
  if (known === undefined) texts.set(bytes, known = "x".repeat(bytes));
  return known;
}

async function flush(): Promise<void> {
  if (isWriting) return;
  isWriting = true;
  while (queue.length > 0) {
    const bytes = encoder.encode(queue.join(""));
    queue = [];
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  }
  isWriting = false;
}

function answer(id: unknown, result: string): void {
  queue.push(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}\n`);
  void flush();
}

function take(line: string): void {
  if (line === "" || isHung) return;
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || method === undefined) return;
  switch (method) {
    case "initialize":
      return answer(
        id,
        JSON.stringify({
          protocolVersion: params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: "echo", version: "1" },
        }),
      );
    case "tools/list":
      return answer(id, JSON.stringify({ tools }));
    case "tools/call":
      return answer(id, `{"content":[{"type":"text","text":"${text(params.arguments.n)}"}]}`);
    default:
      return answer(id, "{}");
  }
}

for await (const chunk of Deno.stdin.readable) {
  const lines = (partialLine + decoder.decode(chunk, { stream: true })).split("\n");
  partialLine = lines.pop() ?? "";
  for (const line of lines) take(line);
}
