/** The values of a figure in several rounds, summarized. */
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

/** A figure of one program, as `dist/bench.json` lists it. */
export interface Row {
  /** The measured quantity, such as `100 B, 64 in flight: calls per second`. */
  readonly figure: string;
  /** Name of the program, such as `npm package`. */
  readonly program: string;
  readonly unit: string;
  readonly summary: Summary;
  /** Name of the program that `ratio` compares with. */
  readonly reference?: string;
  /** The median divided by the median of `reference`. */
  readonly ratio?: number;
  /** Note on the measurement, such as `failed` or `2 of 5 rounds`. */
  readonly remark?: string;
}

/** The values of one figure for one program. */
interface Measurement {
  readonly figure: string;
  readonly program: string;
  readonly unit: string;
  readonly values: number[];
  remark?: string;
}

/** Collects the figures of all rounds. */
export class Figures {
  readonly #measurements = new Map<string, Measurement>();
  readonly #failures: string[] = [];

  /** Messages about measurements that failed. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Adds a value of one round. */
  addValue(figure: string, program: string, unit: string, value: number): void {
    this.#measurement(figure, program, unit).values.push(value);
  }

  /** Sets the remark of a figure, which may have no values. */
  setRemark(figure: string, program: string, unit: string, remark: string): void {
    this.#measurement(figure, program, unit).remark = remark;
  }

  /** Adds the message of a failure, unless it has been added before. */
  addFailure(message: string): void {
    if (!this.#failures.includes(message)) this.#failures.push(message);
  }

  #measurement(figure: string, program: string, unit: string): Measurement {
    const key = measurementKey(figure, program);
    let measurement = this.#measurements.get(key);
    if (measurement === undefined) {
      measurement = { figure, program, unit, values: [] };
      this.#measurements.set(key, measurement);
    }
    return measurement;
  }

  /**
   * Returns a row for each figure of each program; the rows of a figure follow one another.
   *
   * @param referenceOf Returns the name of the program that a figure is compared with, if any.
   */
  rows(referenceOf: (figure: string) => string | undefined): Row[] {
    const byFigure = Map.groupBy(this.#measurements.values(), ({ figure }) => figure);
    return [...byFigure.values()].flat().map(({ figure, program, unit, values, remark }) => {
      const row: Row = {
        figure,
        program,
        unit,
        summary: summarize(values),
        ...(remark === undefined ? {} : { remark }),
      };
      const reference = referenceOf(figure);
      if (reference === undefined || reference === program || values.length === 0) return row;
      const measured = this.#measurements.get(measurementKey(figure, reference));
      if (measured === undefined) return row;
      const ratio = row.summary.median / summarize(measured.values).median;
      return { ...row, reference, ratio };
    });
  }
}

function measurementKey(figure: string, program: string): string {
  return `${figure}\n${program}`;
}
