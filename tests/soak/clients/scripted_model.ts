import { DIALECTS, type OfferedTool, type Step } from "./model_dialects.ts";

/** Names of the clients' own tools that search for tools, and that run code. */
const CLIENTS_OWN = { search: ["tool_search", "ToolSearch"], code: ["exec"] };

/**
 * A model on loopback that follows a script: it takes step n after n tool results. It supports the
 * APIs of all clients, and finds the script's tools under the names that the client gives them.
 */
export class ScriptedModel implements AsyncDisposable {
  /** Tool results in the longest conversation. */
  results: readonly string[] = [];
  /** Names of the tools that the first request offered. */
  firstOffered: readonly string[] = [];
  readonly #script: readonly Step[];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts it on a free port. */
  constructor(script: readonly Step[]) {
    this.#script = script;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  /** Its URL, without a path. */
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
    // Clients also request titles and the like.
    if (tools.length === 0) return say("ok");
    if (this.firstOffered.length === 0) this.firstOffered = tools.map(({ name }) => name);
    if (results.length >= this.results.length) this.results = results;
    const step = this.#script[results.length] ?? { kind: "say", text: "The script is over." };
    if (step.kind === "say") return say(step.text);
    const tool = tools.find((tool) => isMeant(tool, step));
    if (tool === undefined) return say(`No tool for ${JSON.stringify(step)}`);
    return dialect.write(step, `step${results.length}`, tool, isStreamed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Whether a tool is the one in a step, whatever prefix the client adds to the name. */
function isMeant({ name }: OfferedTool, step: Step): boolean {
  switch (step.kind) {
    case "say":
      return false;
    case "search":
    case "code":
      return CLIENTS_OWN[step.kind].includes(name);
    case "call":
      return name === step.tool || /[_-]/.test(before(name, step.tool));
  }
}

/** The character before the suffix `end` of a name, if there is one. */
function before(name: string, end: string): string {
  return name.endsWith(end) ? name.charAt(name.length - end.length - 1) : "";
}
