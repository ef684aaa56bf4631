import type { IncomingMessage } from "node:http";
import { joinBytes } from "../../bytes.ts";
import type { Unread } from "./visit.ts";

/** What all bodies that are being read hold together. */
export class BodyBudget {
  /** How much they hold, in bytes. */
  used = 0;
  /** How much they may hold, in bytes. */
  readonly most: number;

  /** @param most How much they may hold, in bytes. */
  constructor(most: number) {
    this.most = most;
  }
}

/**
 * Reads the body of a request. What is not wanted any more is read all the same and forgotten, for
 * otherwise the client would not see the answer.
 *
 * @param incoming The request.
 * @param most How long the body may be, in bytes.
 * @param budget What all bodies hold.
 */
export function readBody(
  incoming: IncomingMessage,
  most: number,
  budget: BodyBudget,
): Promise<Uint8Array<ArrayBuffer> | Unread> {
  const announced = Number(incoming.headers["content-length"] ?? 0);
  if (announced > most) return Promise.resolve("too-long");
  if (budget.used + announced > budget.most) return Promise.resolve("busy");
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = [];
    let size = 0;
    let isSettled = false;
    const settle = (result: Uint8Array<ArrayBuffer> | Unread): void => {
      if (isSettled) return;
      isSettled = true;
      chunks = [];
      budget.used -= size;
      resolve(result);
    };
    incoming.on("data", (chunk: Uint8Array) => {
      if (isSettled) return;
      chunks.push(chunk);
      size += chunk.length;
      budget.used += chunk.length;
      if (size > most) settle("too-long");
      else if (budget.used > budget.most) settle("busy");
    });
    incoming.on("end", () => {
      if (isSettled) return;
      settle(joinBytes(chunks));
    });
    incoming.on("close", () => settle("gone"));
  });
}
