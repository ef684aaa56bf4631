import type { ClientChannel, InputRequest, InputResponse } from "../../../src/downstream/mod.ts";
import type { CancelSignal } from "../../../src/jsonrpc/mod.ts";
import type { GatewayTool, ToolContext } from "../../../src/gateway/tools/mod.ts";

/** A call of the tool that the test controls. */
export interface AskingCall {
  readonly channel: ClientChannel;
  /** Aborts when the call is cancelled. */
  readonly signal: CancelSignal;
  /** Asks the client; the result is the kind of the response, or the reason why there is none. */
  ask(request: InputRequest, signal?: CancelSignal): Promise<string>;
  /** Ends the call with a result. */
  end(json?: string): void;
}

export const FORM: InputRequest = {
  kind: "form",
  params: { message: "Which?", requestedSchema: { type: "object", properties: {} } },
};

/** A gateway tool whose calls the test controls, in the order of the calls. */
export class AskingTool {
  /** The calls, in their order. */
  readonly calls: AskingCall[] = [];
  /** The tool. */
  readonly tool: GatewayTool = {
    definition: {
      name: "ask",
      description: "",
      inputSchema: { type: "object", properties: { agent_id: { type: "string" } } },
      annotations: {},
      _meta: {},
    },
    run: (_args, context) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const { signal } = context;
      signal.addEventListener("abort", () => reject(signal.reason));
      this.calls.push({
        channel: context.caller.channel,
        signal,
        ask: (request, askSignal = new AbortController().signal) => {
          return pausedWhile(context, context.caller.channel.requestInput(request, askSignal));
        },
        end: (json = "{}") => resolve(json),
      });
      return promise.then((json) => ({ kind: "gateway-result", json }));
    },
  };
}

/** Waits for a response as the sessions of servers do: while the client is asked, the permit is paused. */
async function pausedWhile(
  { caller: { permit } }: ToolContext,
  response: Promise<InputResponse>,
): Promise<string> {
  permit?.pause();
  try {
    return (await response).kind;
  } catch (reason) {
    return `none: ${reason instanceof Error ? reason.message : String(reason)}`;
  } finally {
    permit?.resume();
  }
}
