/**
 * The permissions of the program, defined once: by the command of a task in `deno.json`.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

/** A task whose command starts a program of its own with permissions. */
export type PermissionTask = "start" | "soak";

/**
 * Reads the flags that restrict a program, such as `["--no-prompt", "--allow-read"]`.
 *
 * @param task `start`: what the gateway runs with; `soak`: what tests run with.
 */
export function permissionFlags(task: PermissionTask = "start"): string[] {
  return readPermissionFlags(config.tasks[task].command);
}

/** Picks the flags that restrict a program out of a command line; a blanket permission counts. */
export function readPermissionFlags(command: string): string[] {
  return command.split(/\s+/).filter((word) =>
    /^(--no-prompt$|--(allow|deny|ignore)-|-[ARWENSI]($|=))/.test(word)
  );
}
