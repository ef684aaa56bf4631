/**
 * The MCP server behind all measured programs. Its tool `echo` answers with a text of `n` bytes; its tool
 * `echo_read` does the same, and is annotated as read-only. The server is fast, so that most of the measured
 * time is spent in the program in front of it.
 *
 * `--tools=N` adds N tools to the list. With `--hang`, the server never answers. With `--stateless`, it speaks revision
 * 2026-07-28 of MCP, and otherwise only the earlier revisions. Any other flag only makes the
 * entry of a server differ from others.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const texts = new Map<number, string>();
const echo = {
  name: "echo",
  description: "Answers with a text of n bytes.",
  inputSchema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
};
const tools = [
  echo,
  { ...echo, name: "echo_read", annotations: { readOnlyHint: true } },
  ...Array.from({ length: readNumberFlag("tools") }, (_, number) => describeTool(number)),
];
const neverAnswers = Deno.args.includes("--hang");
const isStateless = Deno.args.includes("--stateless");
let queue: string[] = [];
let isWriting = false;
let partialLine = "";

function readNumberFlag(name: string): number {
  const flag = Deno.args.find((arg) => arg.startsWith(`--${name}=`));
  return flag === undefined ? 0 : Number(flag.split("=")[1]);
}

function describeTool(number: number): unknown {
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

function textOfSize(bytes: number): string {
  let cached = texts.get(bytes);
  if (cached === undefined) texts.set(bytes, cached = "x".repeat(bytes));
  return cached;
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

/** Answers a request; the members of the result are given as text. */
function answer(id: unknown, members: string): void {
  const stateless = isStateless ? '"resultType":"complete",' : "";
  queue.push(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{${stateless}${members}}}\n`);
  void flush();
}

function refuse(id: unknown): void {
  const error = { code: -32601, message: "Method not found" };
  queue.push(`${JSON.stringify({ jsonrpc: "2.0", id, error })}\n`);
  void flush();
}

/** Writes the members of a list of tools; in revision 2026-07-28, the list says how long it is valid. */
function listMembers(): string {
  const cache = isStateless ? ',"ttlMs":3600000,"cacheScope":"public"' : "";
  return `"tools":${JSON.stringify(tools)}${cache}`;
}

function handleLine(line: string): void {
  if (line === "" || neverAnswers) return;
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || method === undefined) return;
  switch (method) {
    case "server/discover":
      return isStateless
        ? answer(
          id,
          '"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":3600000,"cacheScope":"public"',
        )
        : refuse(id);
    case "initialize":
      if (isStateless) return refuse(id);
      return answer(
        id,
        `"protocolVersion":${JSON.stringify(params.protocolVersion)},"capabilities":{"tools":{}},` +
          '"serverInfo":{"name":"echo","version":"1"}',
      );
    case "tools/list":
      return answer(id, listMembers());
    case "tools/call":
      return answer(id, `"content":[{"type":"text","text":"${textOfSize(params.arguments.n)}"}]`);
    default:
      return answer(id, "");
  }
}

for await (const chunk of Deno.stdin.readable) {
  const lines = (partialLine + decoder.decode(chunk, { stream: true })).split("\n");
  partialLine = lines.pop() ?? "";
  for (const line of lines) handleLine(line);
}
