/**
 * Reads the permissions of the gateway and of the tests from the commands of tasks in `deno.json`.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

/** A task whose command starts a program with its own permissions. */
export type PermissionTask = "start" | "soak";

/**
 * Reads the flags that restrict a program, such as `["--no-prompt", "--allow-read"]`.
 *
 * @param task `start` for the permissions of the gateway, `soak` for those of the tests.
 */
export function permissionFlags(task: PermissionTask = "start"): string[] {
  return readPermissionFlags(config.tasks[task].command);
}

/** Finds the permission flags in a command line, such as `--allow-read` and `-A`. */
export function readPermissionFlags(command: string): string[] {
  return command.split(/\s+/).filter((word) =>
    /^(--no-prompt$|--(allow|deny|ignore)-|-[ARWENSI]($|=))/.test(word)
  );
}
