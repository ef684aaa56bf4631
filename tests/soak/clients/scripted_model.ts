import { DIALECTS, type OfferedTool, type Step } from "./model_dialects.ts";

/** Names of the clients' own tools that search for tools, and of those that run code. */
const CLIENT_TOOLS = { search: ["tool_search", "ToolSearch"], code: ["exec"] };

/**
 * A model on loopback that follows a script: it answers a request that contains n tool results with step n, counted
 * from 0. It supports the APIs of all clients, and recognizes the tools of the script although clients add prefixes
 * to their names.
 */
export class ScriptedModel implements AsyncDisposable {
  /** Tool results of the longest conversation so far. */
  results: readonly string[] = [];
  /** Names of the tools that the first request offered. */
  firstOfferedTools: readonly string[] = [];
  readonly #script: readonly Step[];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts the model on a free port. */
  constructor(script: readonly Step[]) {
    this.#script = script;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  /** URL of the model, without a path. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const dialect = DIALECTS.find((dialect) => dialect.matches(pathname));
    if (request.method !== "POST" || dialect === undefined) {
      await request.body?.cancel();
      return Response.json({ error: { message: "not scripted" } }, { status: 404 });
    }
    const body = await request.json();
    const isStreamed = body.stream === true || pathname.endsWith(":streamGenerateContent");
    const { tools, results } = dialect.read(body);
    const say = (text: string) => {
      return dialect.write({ kind: "say", text }, "said", { name: "" }, isStreamed);
    };
    // Requests without tools are for other purposes, such as a title of the conversation.
    if (tools.length === 0) return say("ok");
    if (this.firstOfferedTools.length === 0) this.firstOfferedTools = tools.map(({ name }) => name);
    if (results.length >= this.results.length) this.results = results;
    const step = this.#script[results.length] ?? { kind: "say", text: "The script is over." };
    if (step.kind === "say") return say(step.text);
    const tool = tools.find((tool) => isToolOfStep(tool, step));
    if (tool === undefined) return say(`No tool for ${JSON.stringify(step)}`);
    return dialect.write(step, `step${results.length}`, tool, isStreamed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Whether a tool is the one in a step, whatever prefix the client adds to the name. */
function isToolOfStep({ name }: OfferedTool, step: Step): boolean {
  switch (step.kind) {
    case "say":
      return false;
    case "search":
    case "code":
      return CLIENT_TOOLS[step.kind].includes(name);
    case "call":
      return name === step.tool || /[_-]/.test(characterBefore(name, step.tool));
  }
}

/** The character before the suffix of a name; empty if the name does not have the suffix. */
function characterBefore(name: string, suffix: string): string {
  return name.endsWith(suffix) ? name.charAt(name.length - suffix.length - 1) : "";
}
