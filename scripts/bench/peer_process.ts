/**
 * Other gateways as processes. They may be missing, answer nothing, or stay when they are to end:
 * everything here takes a bounded time, and leaves nothing running.
 */

import type { Contestant } from "./contestants.ts";
import { LoadClient } from "./load_client.ts";
import { endProcesses, listChildren, listTree } from "./process_tree.ts";
import type { Scene } from "./scene.ts";

/** How long an answer of another gateway is waited for, in milliseconds. */
export const PATIENCE_MS = 20_000;

/** How long it may take to end when its input has ended. */
const GRACE_MS = 1_000;

const INITIALIZE = '"method":"initialize","params":{"protocolVersion":"2025-06-18",' +
  '"capabilities":{},"clientInfo":{"name":"bench","version":"1"}}';

/** Thrown where an answer is waited for in vain. */
export class NotAnswered extends Error {}

/** Starts another gateway and shakes hands. */
export async function openPeer(
  peer: Contestant,
  scene: Scene,
  patienceMs: number = PATIENCE_MS,
): Promise<LoadClient> {
  const before = new Set(listChildren(Deno.pid).map(({ pid }) => pid));
  try {
    const opening = LoadClient.open(peer.command(scene), peer.env(scene));
    return await within(patienceMs, opening, "initialize");
  } catch (error) {
    // The client is known only when hands are shaken; its process is the one that is new.
    const started = listChildren(Deno.pid).filter(({ pid }) => !before.has(pid));
    await endProcesses(started.flatMap(({ pid }) => listTree(pid)));
    throw explainStart(peer, scene, error);
  }
}

/** Milliseconds from the start of another gateway to its answer to `initialize`. */
export async function timePeerStart(
  peer: Contestant,
  scene: Scene,
  patienceMs: number = PATIENCE_MS,
): Promise<number> {
  const command = peer.command(scene);
  const started = performance.now();
  let client: LoadClient | undefined;
  try {
    client = new LoadClient(command, peer.env(scene));
    await within(patienceMs, client.request(INITIALIZE), "initialize");
    return performance.now() - started;
  } catch (error) {
    throw explainStart(peer, scene, error);
  } finally {
    if (client !== undefined) await endPeer(client);
  }
}

/** Ends another gateway with all it has started, what it would leave behind as well. */
export async function endPeer(client: LoadClient): Promise<void> {
  // Listed first: what stays when its parent has ended is nobody's child any more.
  const tree = listTree(client.pid);
  const ended = client[Symbol.asyncDispose]();
  await within(GRACE_MS, ended, "the end of input").catch(() => {});
  await endProcesses(tree);
  // Something it has hidden may still hold its output open; that is not waited for.
  await within(GRACE_MS, ended, "the end of input").catch(() => {});
}

/** Waits for an answer. @throws NotAnswered when it does not come in time. */
export async function within<T>(ms: number, answer: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new NotAnswered(`${what} was not answered within ${ms / 1000} s`));
    }, ms);
  });
  try {
    return await Promise.race([answer, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function explainStart(peer: Contestant, scene: Scene, error: unknown): Error {
  const [program = "", ...args] = peer.command(scene);
  if (error instanceof Deno.errors.NotFound) {
    const why = `there is no program "${program}" here`;
    return new Error(
      `${peer.name} cannot be started: ${why}. Install it, or say with ` +
        `--peer "COMMAND" --mapping NAME how it is started here`,
      { cause: error },
    );
  }
  const what = error instanceof NotAnswered
    ? error.message
    : `before it answered initialize: ${error instanceof Error ? error.message : error}`;
  const Kind = error instanceof NotAnswered ? NotAnswered : Error;
  return new Kind(
    `${peer.name}: ${what}. Start it by hand to see what it says: ${[program, ...args].join(" ")}`,
    { cause: error },
  );
}
