/**
 * Runs code of agents in processes without permissions. Knows neither rules nor servers: the caller makes the calls of
 * the code. The processes run `child/`, in this same program. Imports `processes`, `jsonrpc` and the
 * leaves.
 *
 * @module
 */
export type {
  CodeCall,
  CodeCallContext,
  CodeCallError,
  CodeCallOutcome,
  CodeError,
  CodeErrorKind,
  CodeOutcome,
  RunOptions,
} from "./code_run.ts";
export { CodeSandboxes, type CodeSandboxesOptions } from "./code_sandboxes.ts";
export {
  createSandboxCommand,
  type SandboxCommand,
  type SandboxProgram,
} from "./sandbox_command.ts";
