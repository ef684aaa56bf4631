/**
 * The work of the command `init`: finds the servers of MCP clients, translates their entries, writes
 * the gateway's own files, and can undo the changes. Imports shared files of `cli`, and layers below it.
 *
 * @module
 */
import { init } from "./run.ts";

/** The flags of `init`. */
export interface InitFlags {
  /** The client or file to import servers from; default: all clients. */
  readonly from: string | undefined;
  /** Whether to ask nothing. */
  readonly yes: boolean;
  /** Whether to write into the working folder. */
  readonly here: boolean;
  /** Whether the clients' entries share one gateway. */
  readonly shared: boolean;
  /** Whether to undo the last run. */
  readonly undo: boolean;
}

/** A stream that takes text. */
export interface InitOutput {
  /** Writes the text unchanged. */
  write(text: string): void;
}

/** Runs `init` on this machine, and returns the exit code. */
export async function runInit(
  flags: InitFlags,
  context: { readonly stdout: InitOutput; readonly stderr: InitOutput },
): Promise<number> {
  return await init(flags, context);
}
