/** A gateway whose agent may run code, and clients that run it. */
import assert from "node:assert/strict";
import { ApprovalFixture, type ApprovalOptions } from "./approval_fixture.ts";
import {
  EarlierClient,
  type EraClient,
  type RequestOptions,
  StatelessClient,
} from "./eras_clients.ts";
import type { Era } from "./eras_servers.ts";
import type { Fields } from "./raw_client.ts";
import type { AuditLine } from "./setup.ts";
import { waitUntil } from "./wait.ts";

/** The answer to a run of code. */
export interface CodeAnswer {
  readonly result?: unknown;
  readonly logs: string;
  readonly error?: Fields & { readonly code: string; readonly message: string };
  /** The calls that the code made, as the answer lists them. */
  readonly calls: readonly Fields[];
}

/** Rules under which the agent may run code that uses the server `notes`. */
export const CODE_RULES = {
  allow: { servers: ["notes", "gateway"] },
  ask: { tools: {} },
};

/** Options of the fixture. */
export interface CodeOptions extends ApprovalOptions {
  /** Era of the client. Default: earlier. */
  readonly client?: Era;
}

/** A gateway with the server `notes` of `ApprovalFixture`, and a client that runs code. */
export class CodeFixture implements AsyncDisposable {
  readonly approvals: ApprovalFixture;
  readonly client: EraClient;

  private constructor(approvals: ApprovalFixture, client: EraClient) {
    this.approvals = approvals;
    this.client = client;
  }

  static async start(
    { client = "earlier", rules, ...options }: CodeOptions = {},
  ): Promise<CodeFixture> {
    const approvals = await ApprovalFixture.start({
      ...options,
      rules: { ...CODE_RULES, ...rules },
      initialize: false,
    });
    const { gateway } = approvals;
    return new CodeFixture(
      approvals,
      client === "earlier"
        ? await EarlierClient.connect(gateway)
        : StatelessClient.connect(gateway),
    );
  }

  /** Runs code. */
  async run(
    code: string,
    options: RequestOptions & { readonly args?: Fields } = {},
  ): Promise<CodeAnswer> {
    const { result, error } = await this.client.request("tools/call", {
      name: "execute_tool",
      arguments: { server: "gateway", tool: "run_code", args: { code, ...options.args } },
    }, options);
    assert.equal(error, undefined);
    return readCodeAnswer(result ?? {});
  }

  /** Runs code that must succeed, and returns its result. */
  async resultOf(
    code: string,
    options: RequestOptions & { readonly args?: Fields } = {},
  ): Promise<unknown> {
    const { result, error } = await this.run(code, options);
    assert.equal(error, undefined, JSON.stringify(error));
    return result;
  }

  /** Waits until the audit log has the end of a run of code, and returns the ends of its calls and of the run. */
  async audited(): Promise<AuditLine[]> {
    const { gateway } = this.approvals;
    const run = await waitUntil("the run is in the audit log", () => {
      return gateway.readAuditLog().findLast(({ tool }) => tool === "run_code");
    });
    const isOfRun = (line: AuditLine) => line === run || line.parent === run.request_id;
    return gateway.readAuditLog().filter((line) => isOfRun(line) || line.tool === "run_code");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.approvals[Symbol.asyncDispose]();
  }
}

/** Reads the result of `run_code`. */
export function readCodeAnswer({ content, isError, _meta }: Fields): CodeAnswer {
  const [{ text = "" } = {}] = content as { text?: string }[];
  const answer = JSON.parse(text);
  assert.equal(isError === true, "error" in answer, text);
  const calls = (_meta as Fields | undefined)?.["agent-mcp-gateway/calls"] ?? [];
  return { ...answer, calls };
}
