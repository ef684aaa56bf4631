import assert from "node:assert/strict";
import {
  type GatewayOptions,
  recordedServer,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import type { Fields } from "./raw_client.ts";

/** A recorded result. */
export interface RecordedResult {
  readonly content: readonly Fields[];
  readonly structuredContent?: Fields;
}

/** Returns rules under which the results of the only agent are limited. */
export function limitedRules(maxResultTokens: number): Readonly<Record<string, unknown>> {
  const limits = { max_result_tokens: maxResultTokens };
  return { agents: { tester: { allow: { servers: ["recorded"] }, limits } } };
}

const LINES = Array.from({ length: 4000 }, (_, index) => `line ${index} of a text\n`).join("");
const ITEMS = { items: Array.from({ length: 2000 }, (_, id) => ({ id, name: `name ${id}` })) };
const IMAGE = { type: "image", data: "QUJD".repeat(5000), mimeType: "image/png" };

function text(text: string): Fields {
  return { type: "text", text };
}

/** The recorded results by the names of their tools. */
export const RESULTS: Readonly<Record<string, RecordedResult>> = {
  small: { content: [text("small")] },
  text: { content: [text(LINES)] },
  json: { content: [text(JSON.stringify(ITEMS, null, 2))], structuredContent: ITEMS },
  structured: { content: [text("2,000 items")], structuredContent: ITEMS },
  wrapped: { content: [text(LINES)], structuredContent: { result: LINES } },
  mixed: {
    content: [
      text("first"),
      text(LINES),
      IMAGE,
      { type: "resource", resource: { uri: "test://a", text: LINES.slice(100) } },
      { type: "resource_link", uri: "test://b", name: "b" },
      text("last"),
    ],
    structuredContent: ITEMS,
  },
  ten_megabytes: { content: [text(LINES.repeat(130).slice(0, 10_000_000))] },
  unicode: { content: [text("漢字 😀 é \u2028\r\n".repeat(5000))] },
  surrogates: { content: [text("\ud800 a \udfff \ud83d\n\ude00".repeat(2000))] },
};

/** Starts a gateway with the server of the recorded results. */
export async function startRecorded(options: GatewayOptions = {}): Promise<RunningGateway> {
  const names = Object.entries(RESULTS);
  return await startGateway({
    rules: limitedRules(500),
    args: ["--agent", "tester"],
    servers: { recorded: recordedServer("results") },
    ...options,
    files: Object.fromEntries(names.map(([name, result]) => [`results/${name}.json`, result])),
  });
}

/** Returns the handle in a text; throws if there is none. */
export function handleIn(text: string): string {
  const [, handle] = /"handle":"([\w-]{22})"/.exec(text) ?? assert.fail(text);
  return String(handle);
}
