import { AGENT_ID_SHAPE, isAgentId } from "../agent_id.ts";
import { expandHome } from "./environment.ts";

/** Turns the text of a flag or variable into a value. */
export interface SettingParser<T> {
  /** Describes a valid value, to follow "expected" in a message. */
  readonly expected: string;
  /** Returns undefined for an invalid value. */
  readonly read: (text: string, home: string | undefined) => T | undefined;
}

/** Parses a path, and expands a leading `~`. */
export const pathParser: SettingParser<string> = { expected: "a path", read: expandHome };
/** Parses the id of an agent. */
export const agentIdParser: SettingParser<string> = {
  expected: AGENT_ID_SHAPE,
  read: (text) => isAgentId(text) ? text : undefined,
};
/** Parses a boolean. */
export const booleanParser: SettingParser<boolean> = {
  expected: "1, true or yes, or 0, false or no",
  read(text) {
    const word = text.toLowerCase();
    if (["1", "true", "yes"].includes(word)) return true;
    return ["0", "false", "no"].includes(word) ? false : undefined;
  },
};

/** Creates a parser for one of several words. */
export function createEnumParser<const T extends string>(...values: T[]): SettingParser<T> {
  return {
    expected: values.join(" or "),
    read: (text) => values.find((value) => value === text.toLowerCase()),
  };
}

/** Creates a parser for an integer within a range. */
export function createIntegerParser(min: number, max: number): SettingParser<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    read(text) {
      const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** Creates a parser for a list; its items are converted to lower case. */
export function createListParser(
  expected: string,
  isItem: (text: string) => boolean,
): SettingParser<readonly string[]> {
  return {
    expected: `${expected}, separated by commas`,
    read(text) {
      const items = text.split(",").map((item) => item.trim().toLowerCase());
      return items.every(isItem) ? items : undefined;
    },
  };
}

/** Whether a text is an IP address, or a network as `ADDRESS/BITS`. */
export function isAddressOrNetwork(text: string): boolean {
  const [address = "", bits, ...furtherParts] = text.split("/");
  const isIpv4 = /^\d{1,3}(\.\d{1,3}){3}$/.test(address);
  const host = isIpv4 ? address : `[${address}]`;
  if (furtherParts.length > 0 || !URL.canParse(`http://${host}`)) return false;
  const hasIpv6Shape = /^[0-9a-f:.]*:[0-9a-f:.]*$/.test(address);
  if (!isIpv4 && !hasIpv6Shape) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIpv4 ? 32 : 128));
}

/** Parses `memory`, or the address of a Redis server. */
export const stateParser: SettingParser<string> = {
  expected: "memory, or an address such as redis://host:6379",
  read(text) {
    const { protocol = "", hostname = "" } = URL.parse(text) ?? {};
    const isRedis = ["redis:", "rediss:"].includes(protocol) && hostname !== "";
    return text === "memory" || isRedis ? text : undefined;
  },
};

/** The definition of a setting. */
export interface SettingDefinition<T> extends SettingParser<NonNullable<T>> {
  readonly flag?: string;
  readonly variable: string;
  readonly brief: string;
  readonly fallback: T;
  /** Whether a message must not quote an invalid value. */
  readonly isSecret?: true;
  /** Whether an empty value is an error; otherwise it means that the setting is not given. */
  readonly refusesEmpty?: true;
}
