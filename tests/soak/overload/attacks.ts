import {
  type CallPieces,
  encodePieces,
  gatewayCall,
  type Pieces,
  type RawAgent,
  repeatText,
  serverCall,
} from "./raw_agent.ts";

/** An attack that one hostile agent repeats until the end of the test. */
export interface Attack {
  /** Number of concurrent repetitions. */
  readonly workers: number;
  /** Pause after each repetition, in milliseconds. */
  readonly pauseMs: number;
  /** The revision of MCP. Default: 2025-11-25. */
  readonly revision?: string;
  /** Does it once; `repetition` is unique among the workers. */
  run(agent: RawAgent, repetition: number): Promise<unknown>;
}

const MB = 1_000_000;

/** The time for which a server floods its client, in milliseconds. */
const FLOOD_MS = 5000;

/** The time for which a client reads nothing, in milliseconds. */
const PAUSE_MS = 8000;

function shortCall(server: string, tool: string): CallPieces {
  return serverCall({ server, tool, timeoutMs: FLOOD_MS + 2000 });
}

function longString(bytes: number): Pieces {
  return [...encodePieces('"'), ...repeatText("x", bytes), ...encodePieces('"')];
}

function longArray(value: string, bytes: number): Pieces {
  return [...encodePieces("["), ...repeatText(`${value},`, bytes), ...encodePieces("1]")];
}

const hang = { server: "hostile", tool: "hang", timeoutMs: 20_000 };
const unread = { server: "unread", tool: "hang", timeoutMs: 1 };
const longCall = serverCall(hang, longString(50 * MB));
const unreadCall = serverCall(unread, longString(20 * MB));
const depth = 500_000;
const deepArray = "[".repeat(depth) + "]".repeat(depth);
const deepObject = '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
const deepMessages = ["[".repeat(depth), deepArray, deepObject].map((text) => encodePieces(text));
const deepCalls = [deepArray, deepObject].map((text) => serverCall(hang, encodePieces(text)));
const keys = Array.from({ length: 390_000 }, (_, index) => `"k${index}":0`).join(",");
const tinyValues: readonly CallPieces[] = [
  ...[longArray("{}", 12 * MB), longArray("[]", 12 * MB), longArray("1", 40 * MB)],
  encodePieces(`{${keys}}`),
].map((value) => serverCall(hang, value));
const remoteTools = ["endless_json", "endless_line", "endless_events", "slow"];
const floodTools = ["progress", "log", "list_changed", "elicit", "line"];
const refusedCalls: readonly CallPieces[] = [
  shortCall("denied", "echo"),
  shortCall("no such server", "echo"),
  gatewayCall("execute_tool", { server: 7 }),
  gatewayCall("no_such_tool", {}),
];
const [listing] = gatewayCall("get_server_tools", { server: "names" });
const batch = Array.from({ length: 1000 }, (_, id) => {
  return `{"jsonrpc":"2.0","id":${id},${new TextDecoder().decode(listing)}`;
});
const batchBody = encodePieces(`[${batch.join(",")}]`);
const patterns = ["*?a?a?a?a?a?a?a?a?b*", "*a*a*a*a*a*a*a*a*a*b", `*${"?a".repeat(120)}?b*`]
  .map((pattern) => gatewayCall("get_server_tools", { server: "names", pattern }));

function pick<T>(values: readonly T[], index: number): T {
  const value = values[index % values.length];
  if (value === undefined) throw new Error("There is no value to pick");
  return value;
}

/** The attacks by name; each has an agent of its own. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  long_arguments: { workers: 30, pauseMs: 3000, run: (agent) => agent.call(longCall) },
  deep_json: {
    workers: 4,
    pauseMs: 200,
    run: (agent, repetition) => {
      return repetition % 2 === 0
        ? agent.post([pick(deepMessages, repetition / 2)])
        : agent.call(pick(deepCalls, (repetition - 1) / 2));
    },
  },
  tiny_values: {
    workers: 2,
    pauseMs: 500,
    run: (agent, repetition) => agent.call(pick(tinyValues, repetition)),
  },
  compressed_answers: {
    workers: 8,
    pauseMs: 500,
    run: (agent) => agent.call(shortCall("remote", "compressed")),
  },
  remote_answers: {
    workers: 8,
    pauseMs: 500,
    run: (agent, repetition) => agent.call(shortCall("remote", pick(remoteTools, repetition))),
  },
  slow_bodies: {
    workers: 64,
    pauseMs: 1000,
    run: (agent) => agent.postEndlessly(new Uint8Array([32]), { pauseMs: 200, times: 200 }),
  },
  endless_bodies: {
    workers: 4,
    pauseMs: 1000,
    run: (agent) =>
      agent.postEndlessly(new Uint8Array(256_000).fill(32), { pauseMs: 0, times: 400 }),
  },
  floods: {
    workers: 5,
    pauseMs: 500,
    run: (agent, repetition) => agent.call(shortCall("hostile", pick(floodTools, repetition))),
  },
  paused_clients: {
    workers: 8,
    pauseMs: 500,
    run: (agent, repetition) => {
      const tool = pick(floodTools, repetition);
      // A change of the list of tools arrives on the stream of the session.
      return tool === "list_changed"
        ? agent.pause(PAUSE_MS, { sessionName: "stream" })
        : agent.pause(PAUSE_MS, { call: shortCall("hostile", tool), sessionName: "" });
    },
  },
  unread_server: { workers: 2, pauseMs: 100, run: (agent) => agent.call(unreadCall) },
  refused_calls: {
    workers: 2,
    pauseMs: 20,
    run: (agent) => agent.callAll(Array.from({ length: 16 }, (_, i) => pick(refusedCalls, i))),
  },
  bad_logins: {
    workers: 2,
    pauseMs: 20,
    run: (agent) => agent.callAll(Array.from({ length: 16 }, () => shortCall("quiet", "echo"))),
  },
  floods_of_requests: { workers: 50, pauseMs: 50, run: (agent) => agent.getAll("/health", 16) },
  batches: {
    workers: 1,
    pauseMs: 200,
    revision: "2025-03-26",
    run: (agent) => agent.post([batchBody]),
  },
  batches_refused: { workers: 1, pauseMs: 200, run: (agent) => agent.post([batchBody]) },
  idle_sessions: {
    workers: 2,
    pauseMs: 200,
    run: (agent, repetition) =>
      agent.call(shortCall("process", "pid"), `session ${repetition % 200}`),
  },
  patterns: {
    workers: 2,
    pauseMs: 50,
    run: (agent, repetition) => agent.call(pick(patterns, repetition)),
  },
};
