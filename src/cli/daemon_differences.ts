import { listSettings } from "../config/mod.ts";
import { fieldsOf } from "../json.ts";
import type { DaemonReport } from "./report_daemon.ts";

/** The variable that differs between programs, such as the package and the executable. */
const PROGRAM_VARIABLE = "AGENT_MCP_GATEWAY_LAUNCHER";

/** Settings that do not separate daemons. */
const LOG_SETTINGS: ReadonlySet<string> = new Set(["logLevel", "logFormat"]);

/** The differences of a daemon from the first one with the same files. */
export interface DaemonDifferences {
  /** The id of that daemon. */
  readonly from: string;
  /** Flags, names of variables, and words for other parts of the daemon key; never values. */
  readonly in: readonly string[];
}

/**
 * Adds to each report how its daemon differs from the first one with the same files, and removes the variables, which
 * serve only for the comparison.
 */
export function addDifferences(reports: readonly DaemonReport[]): DaemonReport[] {
  const first = new Map<string, DaemonReport>();
  return reports.map((report) => {
    const { variables: _, ...fields } = report;
    if (report.state !== "running") return { ...fields };
    const files = JSON.stringify(report.configuration);
    const other = first.get(files);
    if (other === undefined) {
      first.set(files, report);
      return fields;
    }
    const differs: DaemonDifferences = { from: other.id, in: compare(report, other) };
    return { ...fields, differs };
  });
}

function compare(one: DaemonReport, other: DaemonReport): string[] {
  // Another version may describe itself in another form.
  if (one.version !== other.version) return ["the version"];
  const names = [
    ...(one.folder === other.folder ? [] : ["the working folder"]),
    ...differentVariables(fieldsOf(one.variables), fieldsOf(other.variables)),
  ];
  // All other parts of the key are equal.
  return names.length > 0 ? names : ["the program"];
}

function differentVariables(one: Digests, other: Digests): string[] {
  const settings = new Map(listSettings().map((setting) => [setting.variable, setting]));
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return names.filter((name) => one[name] !== other[name]).flatMap((name) => {
    const { key = "", flag } = settings.get(name) ?? {};
    if (LOG_SETTINGS.has(key)) return [];
    if (name === PROGRAM_VARIABLE) return ["the program"];
    return flag === undefined ? [name] : [`--${flag}`];
  });
}

type Digests = Readonly<Record<string, unknown>>;
