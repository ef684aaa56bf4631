/**
 * The four APIs through which clients use a model. Only the parts that the scripted model needs are implemented: it
 * reads the tools and the results in a request, and writes an answer that calls one tool or says one sentence.
 *
 * @module
 */

/** The model's next step. */
export type Step =
  | { readonly kind: "call"; readonly tool: string; readonly args: Fields }
  | { readonly kind: "search"; readonly query: string }
  /** Runs JavaScript, for clients that offer their tools only to scripts. */
  | { readonly kind: "code"; readonly source: string }
  | { readonly kind: "say"; readonly text: string };

/** A tool that a request offers, with the client's name for it. */
export interface OfferedTool {
  readonly name: string;
  /** The namespace of the name, for clients that have namespaces. */
  readonly namespace?: string;
}

/** The part of a request that the scripted model needs. */
export interface Exchange {
  /** The tools that the model may call. */
  readonly tools: readonly OfferedTool[];
  /** Results of the tools called so far, each as one text. */
  readonly results: readonly string[];
}

/** Reads requests and writes responses of one API. */
export interface Dialect {
  /** Whether a request to this path belongs to this API. */
  matches(path: string): boolean;
  /** Reads a request. */
  read(body: Fields): Exchange;
  /**
   * Formats the answer.
   *
   * @param step The model's step.
   * @param id An id of the call, unique in the conversation.
   * @param tool The tool to call, as the client named it.
   */
  write(step: Step, id: string, tool: OfferedTool, isStreamed: boolean): Response;
}

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

const toList = (value: unknown): Fields[] => Array.isArray(value) ? value : [];

/** Returns the text of a message's content: a string, a list of blocks with texts, or any other value. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return JSON.stringify(content) ?? "";
  return content.map((block) => block.text ?? JSON.stringify(block)).join("\n");
}

/** Makes a response of server-sent events. */
function eventStream(values: readonly Fields[], end = ""): Response {
  const lines = values.map((value) => {
    const event = typeof value.type === "string" ? `event: ${value.type}\n` : "";
    return `${event}data: ${JSON.stringify(value)}\n\n`;
  });
  return new Response(lines.join("") + end, { headers: { "content-type": "text/event-stream" } });
}

/** Anthropic's Messages: Claude Code. */
const messagesDialect: Dialect = {
  matches: (path) => path.endsWith("/messages"),
  read(body) {
    const blocks = toList(body.messages).flatMap(({ content }) => toList(content));
    return {
      tools: toList(body.tools).map(({ name }) => ({ name: String(name) })),
      results: blocks.filter(({ type }) => type === "tool_result")
        .map(({ content }) => textOf(content)),
    };
  },
  write(step, id, tool, isStreamed) {
    const usage = { input_tokens: 10, output_tokens: 10 };
    const message = { id: `msg_${id}`, type: "message", role: "assistant", model: "scripted" };
    const stopReason = step.kind === "say" ? "end_turn" : "tool_use";
    if (!isStreamed) {
      const content = [{ type: "text", text: step.kind === "say" ? step.text : "" }];
      return Response.json({ ...message, content, stop_reason: stopReason, usage });
    }
    const input = step.kind === "search" ? { query: step.query, max_results: 5 } : argsOf(step);
    const [block, delta] = step.kind === "say"
      ? [{ type: "text", text: "" }, { type: "text_delta", text: step.text }]
      : [
        { type: "tool_use", id: `toolu_${id}`, name: tool.name, input: {} },
        { type: "input_json_delta", partial_json: JSON.stringify(input) },
      ];
    return eventStream([
      { type: "message_start", message: { ...message, content: [], stop_reason: null, usage } },
      { type: "content_block_start", index: 0, content_block: block },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: stopReason, stop_sequence: null }, usage },
      { type: "message_stop" },
    ]);
  },
};

/** OpenAI's Responses: Codex. */
const responsesDialect: Dialect = {
  matches: (path) => path.endsWith("/responses"),
  read(body) {
    const input = toList(body.input);
    const toolListTypes = ["additional_tools", "tool_search_output"];
    const toolLists = input.filter(({ type }) => toolListTypes.includes(String(type)));
    const tools = [...toList(body.tools), ...toolLists.flatMap(({ tools }) => toList(tools))];
    return {
      tools: tools.flatMap((tool): OfferedTool[] => {
        const name = String(tool.name ?? tool.type);
        if (tool.type !== "namespace") return [{ name }];
        return toList(tool.tools).map((inner) => ({ name: String(inner.name), namespace: name }));
      }),
      results: input.flatMap((item) => {
        const outputTypes = ["function_call_output", "custom_tool_call_output"];
        if (outputTypes.includes(String(item.type))) return [textOf(item.output)];
        return item.type === "tool_search_output" ? [textOf(item.tools)] : [];
      }),
    };
  },
  write(step, id, tool) {
    const usage = { input_tokens: 10, output_tokens: 10, total_tokens: 20 };
    const response = { id: `resp_${id}`, object: "response", model: "scripted", output: [] };
    const output = { id: `item_${id}`, status: "completed", ...responsesItem(step, id, tool) };
    return eventStream([
      { type: "response.created", response: { ...response, status: "in_progress" } },
      { type: "response.output_item.added", output_index: 0, item: output },
      { type: "response.output_item.done", output_index: 0, item: output },
      {
        type: "response.completed",
        response: { ...response, status: "completed", output: [output], usage },
      },
    ]);
  },
};

/** The output item of a step in the Responses API. */
function responsesItem(step: Step, call_id: string, { name, namespace }: OfferedTool): Fields {
  switch (step.kind) {
    case "say": {
      const content = [{ type: "output_text", text: step.text, annotations: [] }];
      return { type: "message", role: "assistant", content };
    }
    case "search": {
      const args = { query: step.query, limit: 8 };
      return { type: "tool_search_call", call_id, execution: "client", arguments: args };
    }
    case "code":
      return { type: "custom_tool_call", call_id, name, input: step.source };
    case "call": {
      const space = namespace === undefined ? {} : { namespace };
      const args = JSON.stringify(step.args);
      return { type: "function_call", call_id, name, ...space, arguments: args };
    }
  }
}

/** OpenAI's Chat Completions: opencode and Copilot CLI. */
const chatDialect: Dialect = {
  matches: (path) => path.endsWith("/chat/completions"),
  read: (body) => ({
    tools: toList(body.tools).map((tool) => {
      return { name: String((tool.function as Fields | undefined)?.name) };
    }),
    results: toList(body.messages).filter(({ role }) => role === "tool")
      .map(({ content }) => textOf(content)),
  }),
  write(step, id, tool, isStreamed) {
    const content = step.kind === "say" ? { content: step.text } : {
      content: null,
      tool_calls: [{
        index: 0,
        id,
        type: "function",
        function: { name: tool.name, arguments: JSON.stringify(argsOf(step)) },
      }],
    };
    const message = { role: "assistant", ...content };
    const finishReason = step.kind === "say" ? "stop" : "tool_calls";
    const usage = { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 };
    const commonMembers = { id: `chat_${id}`, created: 1, model: "scripted" };
    const choice = { index: 0, finish_reason: finishReason };
    if (!isStreamed) {
      const choices = [{ ...choice, message }];
      return Response.json({ ...commonMembers, object: "chat.completion", choices, usage });
    }
    const chunk = { ...commonMembers, object: "chat.completion.chunk" };
    return eventStream([
      { ...chunk, choices: [{ index: 0, delta: message, finish_reason: null }] },
      { ...chunk, choices: [{ ...choice, delta: {} }], usage },
    ], "data: [DONE]\n\n");
  },
};

/** Google's generateContent: Gemini CLI. */
const geminiDialect: Dialect = {
  matches: (path) => /:(streamG|g)enerateContent$/.test(path),
  read(body) {
    const parts = toList(body.contents).flatMap(({ parts }) => toList(parts));
    return {
      tools: toList(body.tools).flatMap(({ functionDeclarations }) => toList(functionDeclarations))
        .map(({ name }) => ({ name: String(name) })),
      results: parts.flatMap(({ functionResponse }) => {
        const response = (functionResponse as Fields | undefined)?.response as Fields | undefined;
        return response === undefined ? [] : [textOf(response.output ?? response)];
      }),
    };
  },
  write(step, id, tool, isStreamed) {
    const part = step.kind === "say"
      ? { text: step.text }
      : { functionCall: { id, name: tool.name, args: argsOf(step) } };
    const answer = {
      candidates: [{ index: 0, content: { role: "model", parts: [part] }, finishReason: "STOP" }],
      usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 10, totalTokenCount: 20 },
    };
    return isStreamed ? eventStream([answer]) : Response.json(answer);
  },
};

function argsOf(step: Step): Fields {
  return step.kind === "call" ? step.args : {};
}

/** The dialects of all clients. */
export const DIALECTS: readonly Dialect[] = [
  messagesDialect,
  responsesDialect,
  chatDialect,
  geminiDialect,
];
