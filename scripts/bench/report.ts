import type { Row } from "./summary.ts";

const COLUMNS = ["figure", "of", "min", "median", "max", "ratio"] as const;

/** Name of the last column, which is present if any figure has a remark. */
const REMARK = "remark";

/** Formats rows as a Markdown table, which is also readable in a terminal. */
export function formatTable(rows: readonly Row[]): string {
  const hasRemarks = rows.some(({ remark }) => remark !== undefined);
  const head = hasRemarks ? [...COLUMNS, REMARK] : COLUMNS;
  const lines: string[][] = [[...head]];
  let previousFigure = "";
  for (const { figure, program, unit, summary, reference, ratio, remark } of rows) {
    const format = (value: number): string => `${formatNumber(value)} ${unit}`;
    lines.push([
      figure === previousFigure ? "" : figure,
      program,
      format(summary.min),
      format(summary.median),
      format(summary.max),
      ratio === undefined ? "" : `${ratio.toFixed(2)} × ${reference}`,
      ...(hasRemarks ? [remark ?? ""] : []),
    ]);
    previousFigure = figure;
  }
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  );
  const rowTexts = lines.map((line) => {
    return `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  });
  const separator = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [rowTexts[0], separator, ...rowTexts.slice(1)].join("\n");
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "?";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3);
}
