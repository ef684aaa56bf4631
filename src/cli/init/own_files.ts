import { resolvePath } from "../../config/mod.ts";
import { checkText, parseClientText } from "../../config/editing/mod.ts";
import { formatProblem } from "../../errors.ts";
import type { Disk } from "./disk.ts";
import { isRecord, type JsonRecord } from "./import_entry.ts";

/** The paths of the gateway's own files. */
export interface OwnFiles {
  /** The servers file, absolute. */
  readonly servers: string;
  /** The rules file, absolute. */
  readonly rules: string;
}

/** The gateway's own files in a folder. */
export function ownFiles(folder: string): OwnFiles {
  return {
    servers: resolvePath(folder, ".mcp.json"),
    rules: resolvePath(folder, ".mcp-gateway-rules.json"),
  };
}

/** The servers and agents that the gateway's own files already name. */
export interface Kept {
  /** Its servers by name. */
  readonly servers: Readonly<Record<string, JsonRecord>>;
  /** The names of its agents. */
  readonly agents: readonly string[];
}

/** The gateway's present servers and agents; undefined where a file cannot be used. */
export function readOwn(
  files: OwnFiles,
  { disk, say }: { readonly disk: Disk; readonly say: (line: string) => void },
): Kept | undefined {
  const texts = { servers: "", rules: "" };
  let isGood = true;
  for (const kind of ["servers", "rules"] as const) {
    const path = files[kind];
    if (!disk.isThere(path)) continue;
    const read = disk.read(path);
    const text = "text" in read ? read.text : "";
    const problems = "failure" in read
      ? [`${path}: ${read.failure}`]
      : text.trim() === ""
      ? []
      : checkText(kind, { file: path, text }).map(formatProblem);
    for (const problem of problems) say(problem);
    isGood &&= problems.length === 0;
    texts[kind] = text;
  }
  if (!isGood) {
    say("The gateway's own files have errors: fix them or move them away first");
    return undefined;
  }
  const servers = parseClientText("", texts.servers).document?.valueAt(["mcpServers"]);
  return {
    servers: isRecord(servers) ? servers as Kept["servers"] : {},
    agents: parseClientText("", texts.rules).document?.keysAt(["agents"]) ?? [],
  };
}
