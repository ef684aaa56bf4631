import { PINNED_KINDS, type PinnedServerInfo } from "../pins/mod.ts";
import { escapeControls, escapeLines } from "../text.ts";
import type { Streams } from "./command.ts";
import type { LockFileOnDisk } from "./lock_file.ts";
import { diffDefinitions, differenceText } from "./pin_diff.ts";
import type { ServerReport } from "./pin_report.ts";
import { describeHiddenText, ITEM_NOUNS, quoteName } from "./pinned_items.ts";
import { jsonOutput, pluralize, styleOf } from "./terminal.ts";

/** Options of `printReports`. */
export interface PrintOptions {
  /** Names of pinned servers that are not in the servers file. */
  readonly unconfigured: readonly string[];
  /** Whether the servers' present lists are accepted. */
  readonly update: boolean;
  /** Whether differences are printed word by word. */
  readonly isDetailed: boolean;
  readonly json: boolean;
  readonly file: LockFileOnDisk;
  readonly streams: Streams;
}

/** Prints what is pinned and what differs, for people or as JSON. */
export function printReports(reports: readonly ServerReport[], options: PrintOptions): void {
  const { unconfigured, update, isDetailed, json, file, streams: { stdout, stderr } } = options;
  if (json) return stdout.write(jsonOutput(JSON.stringify(createJson(reports, options))));
  const style = styleOf(Deno.stdout);
  for (const report of reports) {
    const { server, status, differences, failure } = report;
    if (failure !== undefined) {
      stderr.write(escapeLines(`${server}: ${failure}\n`));
      continue;
    }
    stdout.write(`${escapeControls(server)}: ${describeStatus(report)}\n`);
    for (const difference of differences) {
      stdout.write(differenceText(difference, { isDetailed, style }));
    }
    for (const note of notesOf(report)) stderr.write(escapeLines(`${server}: ${note}\n`));
    if (status === "changed" && !isDetailed) {
      stderr.write(escapeLines(`${server}: --diff shows what changed, and --update accepts it\n`));
    }
  }
  for (const name of unconfigured) {
    const action = update ? "its pins were removed" : "--update removes its pins";
    stdout.write(`${escapeControls(name)}: not in the servers file; ${action}\n`);
  }
  if (reports.some(({ status }) => status === "pinned" || status === "updated")) {
    stderr.write(`Wrote ${file.displayPath}: commit it, so that every change of it is reviewed\n`);
  }
  if (reports.length === 0) stderr.write("No server is configured\n");
}

function describeStatus({ status, differences, listed }: ServerReport): string {
  const counts = PINNED_KINDS.flatMap((kind) => {
    const count = listed?.pins[kind].size ?? 0;
    return kind === "tools" || count > 0 ? [pluralize(count, ITEM_NOUNS[kind])] : [];
  }).join(", ");
  switch (status) {
    case "pinned":
      return `pinned ${counts}`;
    case "updated":
      return `accepted ${pluralize(differences.length, "difference")}, pinned ${counts}`;
    case "unchanged":
      return `as it was pinned, ${counts}`;
    case "changed":
      return pluralize(differences.length, "difference");
    case "not pinned":
      return `not pinned, ${counts}; agent-mcp-gateway pin pins it`;
    case "failed":
      return "failed";
  }
}

/** Returns the warnings about a server, as clauses. */
function notesOf(
  { listed, editedItems, status, pinnedInfo, isOtherVersion }: ServerReport,
): string[] {
  return [
    ...(isOtherVersion
      ? [
        `it was ${infoText(pinnedInfo)} when it was pinned, and is ${
          infoText(listed?.serverInfo)
        } now`,
      ]
      : []),
    ...(status === "updated" ? [] : editedItems.map((item) => {
      return `the definition of its ${item} in the lock file does not have its hash, because somebody ` +
        "edited it by hand; --update writes both";
    })),
    ...(listed?.unpinnable ?? []).map(({ kind, name, failure }) => {
      return `its ${ITEM_NOUNS[kind]} ${
        quoteName(name)
      } cannot be pinned, so it is held back: ${failure}`;
    }),
    ...describeHiddenText(listed?.hiddenText ?? []).map((text) => `Warning: ${text}`),
  ];
}

function infoText(
  { name = "a server without a name", version = "" }: PinnedServerInfo = {},
): string {
  return `${name} ${version}`.trim();
}

function createJson(
  reports: readonly ServerReport[],
  { unconfigured, file }: PrintOptions,
): Readonly<Record<string, unknown>> {
  return {
    lock_file: file.displayPath,
    servers: reports.map((report) => {
      const { server, status, differences, editedItems, pinnedInfo, listed, failure } = report;
      return {
        server,
        status: status.replace(" ", "_"),
        ...(failure === undefined ? {} : { error: failure }),
        ...(pinnedInfo === undefined ? {} : { pinned_server: pinnedInfo }),
        ...(listed === undefined ? {} : { listed_server: listed.serverInfo }),
        differences: differences.map((difference) => {
          const { kind, name, change } = difference;
          return { kind, name, change, values: diffDefinitions(difference) };
        }),
        edited: editedItems,
        unpinnable: listed?.unpinnable ?? [],
        hidden_text: listed?.hiddenText.map(({ item, name, kind, path, excerpt }) => {
          return { kind: item, name, hidden: kind, path, excerpt };
        }) ?? [],
      };
    }),
    not_configured: unconfigured,
  };
}
