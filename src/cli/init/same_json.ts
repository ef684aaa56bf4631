/** Whether two values of JSON are equal; the order of keys does not count. */
export function isSameJson(one: unknown, two: unknown): boolean {
  if (Object.is(one, two)) return true;
  if (typeof one !== "object" || typeof two !== "object" || one === null || two === null) {
    return false;
  }
  if (Array.isArray(one) !== Array.isArray(two)) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(two).length) return false;
  return keys.every((key) =>
    Object.hasOwn(two, key) &&
    isSameJson(Reflect.get(one, key), Reflect.get(two, key))
  );
}
