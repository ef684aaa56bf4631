/** A figure over several rounds. */
export interface Summary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Summarizes the values of several rounds. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((one, two) => one - two);
  const at = (index: number): number => sorted[index] ?? NaN;
  const last = sorted.length - 1;
  // For an even number of values, the mean of the two in the middle.
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  return { min: at(0), median, max: at(last) };
}

/** A figure of one contestant. */
export interface Row {
  /** Such as `100 B, 64 in flight, calls per second`. */
  readonly figure: string;
  /** Name of the contestant, such as `bundle`. */
  readonly who: string;
  readonly unit: string;
  readonly summary: Summary;
  /** Name of the contestant that the ratio refers to. */
  readonly beside?: string;
  /** This median divided by that of `beside`. */
  readonly ratio?: number;
  /** Difference of the measurement from the others. */
  readonly remark?: string;
}

/** Collects the figures of all rounds. */
export class Figures {
  readonly #values = new Map<
    string,
    { figure: string; who: string; unit: string; all: number[]; remark?: string }
  >();
  readonly #failures: string[] = [];

  /** Messages about measurements that failed. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Adds a value of one round. */
  note(figure: string, who: string, unit: string, value: number): void {
    this.#of(figure, who, unit).all.push(value);
  }

  /** Sets the remark of a figure, which may have no values. */
  remark(figure: string, who: string, unit: string, remark: string): void {
    this.#of(figure, who, unit).remark = remark;
  }

  /** Adds a failure. */
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
   * Returns all figures in the order of their first value, grouped by figure.
   *
   * @param beside Returns the contestant that a figure's ratios refer to, if any.
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
