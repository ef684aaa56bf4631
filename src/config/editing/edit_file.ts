import { replaceFile } from "../../atomic_file.ts";
import { lockFile } from "../../file_lock.ts";
import { decodeText } from "../read_text.ts";

/** Maximum number of attempts, if other programs change the file meanwhile. */
const MAX_ATTEMPTS = 5;

/** Maximum wait for the edits of other processes, in milliseconds. */
const LOCK_MS = 25_000;

/**
 * Changes a text file atomically: a reader sees the old text or the new one. The file keeps its mode and
 * owner, and links to it stay valid. Edits by several processes wait for one another.
 *
 * @param path The file, or a link to it.
 * @param edit Returns the new text.
 * @throws The error that `edit` throws, or the system's. After any error the file is unchanged.
 */
export async function editFile(path: string, edit: (text: string) => string): Promise<void> {
  const realPath = Deno.realPathSync(path);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    // On Windows a lock would block readers too.
    using _lock = Deno.build.os === "windows"
      ? undefined
      : await lockFile(realPath, { withinMs: LOCK_MS });
    const before = readWithByteOrderMark(realPath);
    const bytes = new TextEncoder().encode(edit(before));
    const mode = (Deno.statSync(realPath).mode ?? 0o600) & 0o7777;
    // Editors do not take our lock.
    if (
      await replaceFile(realPath, { bytes, mode }, () => readWithByteOrderMark(realPath) === before)
    ) {
      return;
    }
  }
  throw new Error(`${path} is being changed by another program: try again`);
}

/** Reads the text with its byte order mark, because the mark is written back. */
function readWithByteOrderMark(path: string): string {
  const content = decodeText(Deno.readFileSync(path), { ignoreBOM: true });
  if ("failure" in content) throw new Error(`${path}: ${content.failure}`);
  return content.text;
}
