/** Factor of the numbers of runs; `deno task soak` sets it. */
const FACTOR = Number(Deno.env.get("PROPERTY_FACTOR") || 1);

/** Returns the number of runs of a property: few in `deno task test`, many in `deno task soak`. */
export function runs(count: number): number {
  return count * FACTOR;
}
