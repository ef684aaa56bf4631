import type { Tool } from "./catalog.ts";
import { isRecord } from "./handshake.ts";
import { remoteFailureBehind } from "./remote_failure.ts";

/**
 * Whether an operation that failed may be done again. What cannot have reached a tool may, such as a
 * call for a session that is gone; what was cut off only where doing it twice does no harm.
 *
 * @param error How it failed.
 * @param tool The tool that was called; `undefined` where none was called yet.
 */
export function mayRepeat(error: unknown, tool: Tool | undefined): boolean {
  const failure = remoteFailureBehind(error);
  switch (failure?.reach) {
    case "never":
      return true;
    case "maybe":
      return tool !== undefined && isHarmless(tool);
    default:
      return false;
  }
}

function isHarmless({ definition: { annotations } }: Tool): boolean {
  return isRecord(annotations) &&
    (annotations.readOnlyHint === true || annotations.idempotentHint === true);
}
