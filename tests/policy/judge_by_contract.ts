import { type Node, parseTree } from "jsonc-parser";
import { posix } from "node:path";
import type { Effect } from "../../src/policy/mod.ts";
import type { ArgumentTest } from "../../src/tool_entry.ts";

/**
 * A plain and slow implementation of the contract's section on conditions, for POSIX paths. It shares no code with the
 * policy: it reads JSON as a tree with the text of each number, resolves paths with `node:path`, and matches wildcards
 * by regular expressions.
 */
export function holdsByContract(
  when: ReadonlyMap<string, ArgumentTest>,
  effect: Effect,
  json: string,
): boolean {
  const root = parseTree(json);
  return [...when].every(([name, test]) => {
    const keys = name.startsWith("/")
      ? name.slice(1).split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))
      : [name];
    const values = pointed(root, keys);
    const passes = (value: Node | undefined) => passesTest(test, effect, value);
    return effect === "allow" ? values.length > 0 && values.every(passes) : values.some(passes);
  });
}

/** Stands for a value that some programs find under a key of another case. */
const AMBIGUOUS: Node = { type: "property", offset: 0, length: 0 };

function hasKeyOfOtherCase({ children = [] }: Node, key: string): boolean {
  const pattern = new RegExp(`^${key.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}$`, "iu");
  return children.some(({ children: [name] = [] }) =>
    name?.value !== key && pattern.test(name?.value)
  );
}

function pointed(node: Node | undefined, [key, ...rest]: readonly string[]): (Node | undefined)[] {
  if (key === undefined) return [node];
  if (node?.type === "array" && !/^(0|[1-9][0-9]*)$/.test(key)) {
    return (node.children ?? []).flatMap((child) => pointed(child, [key, ...rest]));
  }
  const member = node?.type === "array"
    ? node.children?.[Number(key)]
    : node?.children?.find(({ children }) => children?.[0]?.value === key)?.children?.[1];
  if (node?.type === "object" && hasKeyOfOtherCase(node, key)) return [AMBIGUOUS];
  return pointed(node?.type === "object" || node?.type === "array" ? member : undefined, rest);
}

function passesTest(
  test: ArgumentTest,
  effect: Effect,
  node: Node | undefined,
): boolean {
  const { exists, ...others } = test;
  const unjudged = effect !== "allow";
  if (node === AMBIGUOUS) return unjudged;
  if (node === undefined) {
    if (exists === undefined) return unjudged;
    return !exists && (Object.keys(others).length === 0 || unjudged);
  }
  const keys = Object.keys(others);
  const isWhole = keys.length > 0 && keys.every((key) => key === "equals" || key === "oneOf");
  if (node.type === "array") {
    if (isWhole && exists !== false && passesAll(others, unjudged, node)) return true;
    const members = node.children ?? [];
    const passes = (member: Node) => passesTest(test, effect, member);
    return effect === "allow" ? members.length > 0 && members.every(passes) : members.some(passes);
  }
  return exists !== false && passesAll(others, unjudged, node);
}

function passesAll(test: ArgumentTest, unjudged: boolean, node: Node): boolean {
  const text = node.type === "string" ? String(node.value) : undefined;
  const judgeText = (judge: (text: string) => boolean | undefined): boolean =>
    (text === undefined ? undefined : judge(text)) ?? unjudged;
  const judgeNumber = (judge: (difference: bigint) => boolean, limit: number): boolean => {
    if (node.type !== "number" || !Number.isFinite(Number(sourceOf(node)))) return unjudged;
    const exact = judge(difference(sourceOf(node), String(limit)));
    // Many servers round the number.
    const rounded = judge(difference(String(node.value), String(limit)));
    return exact === rounded ? exact : unjudged;
  };
  const results = {
    equals: () => equals(node, test.equals) ?? unjudged,
    oneOf: () => {
      const results = (test.oneOf ?? []).map((value) => equals(node, value));
      return results.includes(true) || (results.includes(undefined) && unjudged);
    },
    like: () => judgeText((text) => (test.like ?? []).some((like) => matches(like, text, "us"))),
    ilike: () => judgeText((text) => (test.ilike ?? []).some((like) => matches(like, text, "ius"))),
    within: () =>
      judgeText((text) => {
        if (!text.startsWith("/") || text.includes("\0")) return undefined;
        return (test.within ?? []).some((folder) =>
          !posix.relative(posix.normalize(folder), posix.normalize(text)).split("/").includes("..")
        );
      }),
    host: () => unjudged,
    min: () => judgeNumber((order) => order >= 0n, test.min ?? 0),
    max: () => judgeNumber((order) => order <= 0n, test.max ?? 0),
    maxLength: () => judgeText((text) => Array.from(text).length <= (test.maxLength ?? 0)),
    exists: () => true,
  };
  return (Object.keys(test) as (keyof ArgumentTest)[]).every((key) => results[key]());
}

let currentSource = "";

/** Runs a judgment about a text, whose numbers are read from the text. */
export function withSource<T>(json: string, judge: () => T): T {
  currentSource = json;
  return judge();
}

function sourceOf({ offset, length }: Node): string {
  return currentSource.slice(offset, offset + length);
}

/** Whether a value equals one of the rules; `undefined` if it does so only for programs that round numbers. */
function equals(node: Node, value: unknown): boolean | undefined {
  const [isExact, isRounded] = [sourceOf, ({ value }: Node) => String(value)]
    .map((textOf) => equalsReading(node, value, textOf));
  return isExact === isRounded ? isExact : undefined;
}

function equalsReading(node: Node, value: unknown, textOf: (node: Node) => string): boolean {
  if (typeof value === "number") {
    return node.type === "number" && Number.isFinite(node.value) &&
      difference(textOf(node), String(value)) === 0n;
  }
  if (Array.isArray(value)) {
    const children = node.children ?? [];
    return node.type === "array" && children.length === value.length &&
      children.every((child, index) => equalsReading(child, value[index], textOf));
  }
  if (typeof value === "object" && value !== null) {
    const members = node.children ?? [];
    return node.type === "object" && members.length === Object.keys(value).length &&
      members.every(({ children: [key, member] = [] }) =>
        member !== undefined && Object.hasOwn(value, key?.value) &&
        equalsReading(member, (value as Record<string, unknown>)[key?.value], textOf)
      );
  }
  return node.type !== "object" && node.type !== "array" && node.type !== "number" &&
    node.value === value;
}

/** Returns the sign of the difference of two numbers with small exponents, without rounding. */
function difference(left: string, right: string): bigint {
  const scaled = (text: string): bigint => {
    const [mantissa = "0", exponent = "0"] = text.toLowerCase().split("e");
    const [whole = "0", fraction = ""] = mantissa.split(".");
    const shift = 600 + Number(exponent) - fraction.length;
    return BigInt(whole + fraction) * 10n ** BigInt(shift);
  };
  return scaled(left) - scaled(right);
}

function matches(pattern: string, text: string, flags: string): boolean {
  const source = pattern.replace(/[\\^$.+()[\]{}|]/g, "\\$&").replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, flags).test(text);
}
