import type { ListKind } from "../../downstream/mod.ts";
import { CallerError } from "../../errors.ts";
import type { ListPosition } from "./merged_list.ts";

/** Maximum length of a cursor of this gateway, in UTF-16 code units: a URI may have 4096, each of up to three bytes. */
const MAX_LENGTH = 24 * 1024;

/** Version of the format of cursors. */
const VERSION = 1;

/** Writes the cursor of the page after a position. It says all about the position, so that nothing has to be kept. */
export function writeCursor(
  list: ListKind,
  { server, serverIndex, item, itemIndex }: ListPosition,
): string {
  const text = JSON.stringify([VERSION, list, server, serverIndex, item, itemIndex]);
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * Reads a cursor that a client sent.
 *
 * @throws {CallerError} `INVALID_ARGUMENTS`, if it is not a cursor of this list.
 */
export function readCursor(list: ListKind, cursor: string): ListPosition {
  const [version, kind, server, serverIndex, item, itemIndex] = parse(cursor);
  const isOfList = version === VERSION && kind === list && typeof server === "string" &&
    typeof item === "string" && isIndex(serverIndex) && isIndex(itemIndex);
  if (isOfList) return { server, serverIndex, item, itemIndex };
  const message = '"cursor" is not one that this list has given. List again without a cursor.';
  throw new CallerError("INVALID_ARGUMENTS", message);
}

function parse(cursor: string): readonly unknown[] {
  if (cursor.length > MAX_LENGTH) return [];
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
