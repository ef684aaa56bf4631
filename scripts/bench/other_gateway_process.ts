/**
 * Runs other gateways as processes. They may be missing, not answer, or not end: every wait here is
 * limited, and a failed start leaves no process running.
 */

import type { MeasuredProgram } from "./measured_programs.ts";
import { INITIALIZE } from "./load.ts";
import { LoadClient } from "./load_client.ts";
import { endProcesses, listTree } from "./process_tree.ts";
import type { Workspace } from "./workspace.ts";

/** Maximum time to wait for an answer of another gateway, in milliseconds. */
export const ANSWER_MS = 20_000;

/** Maximum time that a gateway may take to exit after its input has ended, in milliseconds. */
const EXIT_MS = 1_000;

/** The notification without its closing brace, which `LoadClient` adds. */
const INITIALIZED_START = '{"jsonrpc":"2.0","method":"notifications/initialized"';

/** An answer did not arrive in time. */
export class AnswerTimeout extends Error {
  override readonly name = "AnswerTimeout";
}

/** Starts another gateway and initializes the session. */
export async function openOtherGateway(
  otherGateway: MeasuredProgram,
  workspace: Workspace,
  answerMs: number = ANSWER_MS,
): Promise<LoadClient> {
  return (await startOtherGateway(otherGateway, workspace, answerMs)).client;
}

/** Returns the milliseconds from the start of another gateway to its answer to `initialize`. */
export async function timeOtherGatewayStart(
  otherGateway: MeasuredProgram,
  workspace: Workspace,
  answerMs: number = ANSWER_MS,
): Promise<number> {
  const { client, tookMs } = await startOtherGateway(otherGateway, workspace, answerMs);
  await endOtherGateway(client);
  return tookMs;
}

async function startOtherGateway(
  otherGateway: MeasuredProgram,
  workspace: Workspace,
  answerMs: number,
): Promise<{ client: LoadClient; tookMs: number }> {
  const command = otherGateway.command(workspace);
  const env = otherGateway.env(workspace);
  const started = performance.now();
  let client: LoadClient | undefined;
  try {
    client = new LoadClient(command, env);
    const answer = await answerWithin(answerMs, client.request(INITIALIZE), "initialize");
    const tookMs = performance.now() - started;
    if (!answer.includes('"result"')) throw new Error(`it refused: ${answer.slice(0, 300)}`);
    // `LoadClient` sends only requests, so the notification is appended to a ping whose answer is ignored.
    client.request(`"method":"ping"}\n${INITIALIZED_START}`).catch(() => {});
    return { client, tookMs };
  } catch (error) {
    if (client !== undefined) await endOtherGateway(client);
    throw describeStartFailure(otherGateway.name, command, error);
  }
}

/** Ends another gateway with all processes that it has started. */
export async function endOtherGateway(client: LoadClient): Promise<void> {
  // The tree is listed first: once a parent has ended, its children cannot be found.
  const tree = listTree(client.pid);
  const ended = client[Symbol.asyncDispose]();
  await answerWithin(EXIT_MS, ended, "the end of input").catch(() => {});
  await endProcesses(tree);
  // A process that is not in the tree may keep the output open, so this wait is limited, too.
  await answerWithin(EXIT_MS, ended, "the end of input").catch(() => {});
}

/**
 * Waits for an answer.
 *
 * @throws {AnswerTimeout} The answer did not arrive in time.
 */
export async function answerWithin<T>(ms: number, answer: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new AnswerTimeout(`${what} was not answered within ${ms / 1000} s`));
    }, ms);
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for some milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function describeStartFailure(name: string, command: readonly string[], error: unknown): Error {
  if (error instanceof Deno.errors.NotFound) {
    const reason = `there is no program "${command[0]}" here`;
    return new Error(
      `${name} cannot be started: ${reason}. Install it, or give another command with ` +
        `--peer "COMMAND" --mapping NAME`,
      { cause: error },
    );
  }
  const failure = error instanceof AnswerTimeout
    ? error.message
    : `it does not speak MCP: ${error instanceof Error ? error.message : error}`;
  const ErrorClass = error instanceof AnswerTimeout ? AnswerTimeout : Error;
  return new ErrorClass(
    `${name}: ${failure}. Start it by hand to see its output: ${command.join(" ")}`,
    { cause: error },
  );
}
