import { isRecord } from "../../json.ts";
import { JsonText, textAt } from "../../jsonrpc/mod.ts";
import { MAX_URI_LENGTH } from "../catalog/mod.ts";
import type { ServerNotification } from "./codec.ts";
import { LIST_CHANGES } from "./lists.ts";

/** Maximum length of the id of a task or an elicitation, in UTF-16 code units. */
export const MAX_ID_LENGTH = 1000;

/**
 * Maximum length of the parameters of an update, in UTF-16 code units, because every subscriber gets a copy. If they are
 * longer, only the URI is passed on.
 */
const MAX_UPDATE_LENGTH = 32 * 1024;

/** Decodes a notification of a server; `undefined` if there is no use for it. */
export function decodeNotification(
  { method, params, text }: {
    readonly method: string;
    readonly params: unknown;
    readonly text: string;
  },
  server: string,
): ServerNotification | undefined {
  const lists = Object.hasOwn(LIST_CHANGES, method) ? LIST_CHANGES[method] : undefined;
  if (lists !== undefined) return { kind: "lists-changed", lists };
  if (!isRecord(params)) return undefined;
  if (method === "notifications/message") {
    const logger = typeof params.logger === "string" ? `${server}/${params.logger}` : server;
    return { kind: "log", params: { ...params, logger } };
  }
  if (method === "notifications/resources/updated") {
    const { uri } = params;
    if (typeof uri !== "string" || uri.length > MAX_URI_LENGTH) return undefined;
    const paramsText = textAt(text, "params") ?? "{}";
    const isTooLong = paramsText.length > MAX_UPDATE_LENGTH;
    const forwardedText = isTooLong ? JSON.stringify({ uri }) : paramsText;
    return { kind: "resource-updated", update: { uri, params: new JsonText(forwardedText) } };
  }
  const { elicitationId } = params;
  return method === "notifications/elicitation/complete" && typeof elicitationId === "string" &&
      elicitationId.length <= MAX_ID_LENGTH
    ? { kind: "url-input-done", elicitationId }
    : undefined;
}
