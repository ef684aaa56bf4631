import {
  type CodeCall,
  type CodeCallContext,
  type CodeCallOutcome,
  type CodeError,
  type CodeOutcome,
  CodeSandboxes,
  type CodeSandboxesOptions,
  createSandboxCommand,
} from "../../src/code/mod.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { createLog } from "../../src/log.ts";

/** The command of a process that runs code with the source. */
export const SOURCE_COMMAND = createSandboxCommand({
  standalone: false,
  execPath: Deno.execPath(),
  main: new URL("../../src/main.ts", import.meta.url).href,
}, {
  readVariable: (name) => Deno.env.get(name),
  usesShell: Deno.build.os !== "windows",
  watchesMemory: Deno.build.os !== "linux",
});

/** Makes a call for the code. */
export type Call = (call: CodeCall, context: CodeCallContext) => Promise<CodeCallOutcome>;

/** Sandboxes whose processes end with the test. */
export class TestSandboxes implements AsyncDisposable {
  readonly sandboxes: CodeSandboxes;

  constructor(options: Partial<CodeSandboxesOptions> = {}) {
    const log = createLog({ level: "error" });
    this.sandboxes = new CodeSandboxes({
      maxSandboxes: 4,
      log,
      command: SOURCE_COMMAND,
      ...options,
    });
  }

  /** Starts the spare process, so that the time of a later run does not pass with its start. */
  async warmUp(): Promise<void> {
    resultOf(await this.run("return 1"));
  }

  /** Runs code. By default, each call results in a text with the call's names and arguments as JSON. */
  run(
    code: string,
    options: {
      readonly timeoutMs?: number;
      readonly call?: Call;
      readonly signal?: AbortSignal;
      readonly agent?: string;
    } = {},
  ): Promise<CodeOutcome> {
    const { timeoutMs = 30_000, call = echo, agent = "tester" } = options;
    const { signal = new AbortController().signal } = options;
    return this.sandboxes.run(code, { agent, timeoutMs, signal, call });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandboxes.close();
  }
}

const echo: Call = ({ server, tool, args }) => {
  const text = `{"server":${JSON.stringify(server)},"tool":${JSON.stringify(tool)},"args":${
    args?.json ?? null
  }}`;
  return Promise.resolve(textResult(text));
};

/** Returns a result with one text. */
export function textResult(text: string): CodeCallOutcome {
  return {
    ok: true,
    result: new JsonText(JSON.stringify({ content: [{ type: "text", text }] })),
  };
}

/** Returns the parsed result of an outcome; throws if an error ended the code. */
export function resultOf(outcome: CodeOutcome): unknown {
  if (!outcome.ok) throw new Error(`${outcome.error.kind}: ${outcome.error.message}`);
  return JSON.parse(outcome.result.json);
}

/** Returns the error that ended the code; throws if it has a result. */
export function errorOf(outcome: CodeOutcome): CodeError {
  if (outcome.ok) throw new Error(`The code returned ${outcome.result.json}`);
  return outcome.error;
}
