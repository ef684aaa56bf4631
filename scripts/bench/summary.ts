/** What one figure was in several rounds. */
export interface Summary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Sums rounds up. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((one, two) => one - two);
  const at = (index: number): number => sorted[index] ?? NaN;
  const last = sorted.length - 1;
  // Of an even number of values, what lies between the two in the middle.
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  return { min: at(0), median, max: at(last) };
}

/** A figure of one contestant. */
export interface Row {
  /** What was measured, such as `100 B, 64 in flight, calls per second`. */
  readonly figure: string;
  /** Who was measured, such as `bundle`. */
  readonly who: string;
  readonly unit: string;
  readonly summary: Summary;
  /** Beside whom the ratio is. */
  readonly beside?: string;
  /** This median by that of `beside`. */
  readonly ratio?: number;
  /** How it was measured otherwise than the others. */
  readonly remark?: string;
}

/** Collects what was measured, round by round. */
export class Figures {
  readonly #values = new Map<
    string,
    { figure: string; who: string; unit: string; all: number[]; remark?: string }
  >();
  readonly #failures: string[] = [];

  /** What could not be measured, and why. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Notes a value of one round. */
  note(figure: string, who: string, unit: string, value: number): void {
    this.#of(figure, who, unit).all.push(value);
  }

  /** Notes what is to be known of a figure, which may have no value at all. */
  remark(figure: string, who: string, unit: string, remark: string): void {
    this.#of(figure, who, unit).remark = remark;
  }

  /** Notes that something could not be measured. */
  fail(message: string): void {
    if (!this.#failures.includes(message)) this.#failures.push(message);
  }

  #of(figure: string, who: string, unit: string): { all: number[]; remark?: string } {
    const key = `${figure}\n${who}`;
    let known = this.#values.get(key);
    if (known === undefined) this.#values.set(key, known = { figure, who, unit, all: [] });
    return known;
  }

  /**
   * All figures, in the order of their first value; all who have one of them stand together.
   *
   * @param beside Names whom a figure's ratios are to, where it has any.
   */
  rows(beside: (figure: string) => string | undefined): Row[] {
    const together = Map.groupBy(this.#values.values(), ({ figure }) => figure);
    return [...together.values()].flat().map(({ figure, who, unit, all, remark }) => {
      const row: Row = {
        figure,
        who,
        unit,
        summary: summarize(all),
        ...(remark === undefined ? {} : { remark }),
      };
      const other = beside(figure);
      const reference = this.#values.get(`${figure}\n${other}`);
      if (other === undefined || reference === undefined || other === who || all.length === 0) {
        return row;
      }
      const ratio = row.summary.median / summarize(reference.all).median;
      return { ...row, beside: other, ratio };
    });
  }
}
