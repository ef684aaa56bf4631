import { replaceFile } from "../atomic_file.ts";
import {
  folderOf,
  getTrustFilePath,
  hashText,
  isAbsolutePath,
  type LocatedFile,
  readText,
  readTrustedHashes,
} from "../config/mod.ts";
import { checkText, editFile, parseClientText } from "../config/editing/mod.ts";
import { ConfigError } from "../errors.ts";
import { escapeControls } from "../text.ts";
import { defineCommand, switchFlag } from "./command.ts";
import { CommandError } from "./error_report.ts";
import { findFiles } from "./open_configuration.ts";
import { pluralize } from "./terminal.ts";

/** Maximum length of an entry, as JSON without spaces, in UTF-16 code units. */
const MAX_ENTRY_LENGTH = 4096;

export const command = defineCommand({
  about:
    "Trusts the servers file and the rules file of the working folder, so that the gateway uses " +
    "them there, and prints the entries of both. A file that changes must be trusted " +
    "again. Files named by a flag or a variable, and your own files in ~/.config/agent-mcp-gateway, " +
    "need no trust.",
  example: "agent-mcp-gateway trust",
  flags: { remove: switchFlag("Withdraw the trust in the files of this folder") },
  async run({ flags: { remove }, stdout }) {
    const files = listFolderFiles();
    const names = files.map(({ path }) => escapeControls(path)).join(" and ");
    if (remove) {
      await changeHashes((hashes) => {
        for (const { path } of files) delete hashes[path];
      });
      stdout.write(`Not trusted: ${names}\n`);
      return 0;
    }
    const texts = files.map((file) => ({ path: file.path, ...readFile(file) }));
    for (const { summary } of texts) stdout.write(summary);
    const newHashes = await Promise.all(texts.map(async ({ path, text }) => {
      return [path, await hashText(text)] as const;
    }));
    await changeHashes((hashes) => void Object.assign(hashes, Object.fromEntries(newHashes)));
    stdout.write(`Trusted until they change: ${names}\n`);
    return 0;
  },
});

/** A file of the working folder. */
interface FolderFile {
  readonly kind: "servers" | "rules";
  readonly path: string;
  readonly displayPath: string;
}

function listFolderFiles(): FolderFile[] {
  const { files: { mcpConfig, rules } } = findFiles({});
  const files: [FolderFile["kind"], LocatedFile][] = [["servers", mcpConfig], ["rules", rules]];
  const folderFiles = files.filter(([, { origin }]) => origin === "working-folder");
  if (folderFiles.length > 0) {
    return folderFiles.map(([kind, { path, displayPath }]) => ({ kind, path, displayPath }));
  }
  const [usedFile] = files.filter(([, { origin }]) => origin !== "missing");
  throw new CommandError(
    usedFile === undefined
      ? `There is nothing to trust in this folder: it has neither ${mcpConfig.displayPath} nor ` +
        rules.displayPath
      : `There is nothing to trust: the gateway does not use the files of this folder, but ` +
        usedFile[1].path,
  );
}

/** Reads a file and describes it; throws if the file has errors, because the gateway would not use it. */
function readFile({ kind, path, displayPath }: FolderFile): { text: string; summary: string } {
  const content = readText(path);
  if ("failure" in content) throw new CommandError(`${displayPath}: ${content.failure}`);
  const { text } = content;
  const errors = checkText(kind, { file: displayPath, text });
  if (errors.length > 0) throw new ConfigError(errors);
  const { document } = parseClientText(displayPath, text);
  const key = kind === "servers" ? "mcpServers" : "agents";
  const names = document?.getKeys([key]) ?? [];
  const lines = [
    `${displayPath} has ${pluralize(names.length, kind === "servers" ? "server" : "agent")}:`,
  ];
  // The rules file also says who may log in, and what counts for an agent without an id.
  const otherKeys = (document?.getKeys([]) ?? []).filter((name) => name !== key);
  for (const path of [...names.map((name) => [key, name]), ...otherKeys.map((name) => [name])]) {
    const name = path.at(-1) ?? "";
    const entry = JSON.stringify(document?.getValue(path));
    // A person can trust only what they see, so nothing is cut or redacted.
    if (entry.length > MAX_ENTRY_LENGTH) {
      throw new CommandError(
        `${displayPath}: the entry ${JSON.stringify(name)} is too long to be shown, so it ` +
          "cannot be trusted; shorten it, or name the file with a flag",
      );
    }
    lines.push(path.length === 1 ? `${name}: ${entry}` : `  ${name}: ${entry}`);
  }
  return { text, summary: lines.map((line) => `${escapeControls(line)}\n`).join("") };
}

/**
 * Changes a file as `editFile` does. If it was trusted, it stays trusted.
 *
 * @param edit Returns the new text.
 */
export async function editTrustedFile(
  path: string,
  edit: (text: string) => string,
): Promise<void> {
  let [before, after] = ["", ""];
  await editFile(path, (text) => {
    before = text;
    after = edit(text);
    return after;
  });
  const hash = readTrustedHashes(getTrustFilePath(Deno.env))[path];
  if (hash === undefined || hash !== await hashText(before)) return;
  const newHash = await hashText(after);
  await changeHashes((hashes) => void (hashes[path] = newHash));
}

async function changeHashes(change: (hashes: Record<string, unknown>) => void): Promise<void> {
  const path = getTrustFilePath(Deno.env);
  if (!isAbsolutePath(path)) {
    throw new CommandError(
      "There is no home folder to remember the trust in: set HOME to an absolute path, or set " +
        "GATEWAY_TRUST=1, which trusts every working folder",
    );
  }
  await Deno.mkdir(folderOf(path), { recursive: true, mode: 0o700 });
  const hashes = readTrustedHashes(path);
  change(hashes);
  const bytes = new TextEncoder().encode(`${JSON.stringify(hashes, undefined, 2)}\n`);
  await replaceFile(path, { bytes, mode: 0o600 });
}
