import { SETTING_ENTRIES, type Settings } from "./settings.ts";

/** One setting, for help texts and flag parsers. */
export interface SettingRow {
  /** Key of the setting. */
  readonly key: keyof Settings;
  /** Name of the flag without dashes; absent if there is only a variable. */
  readonly flag?: string;
  /** Name of the variable. */
  readonly variable: string;
  /** One line for help texts. */
  readonly brief: string;
  /** Whether the flag takes no value. */
  readonly boolean: boolean;
}

/** Lists all settings in the order of the help text. */
export function listSettings(): SettingRow[] {
  return SETTING_ENTRIES.map(([key, { flag, variable, brief, fallback }]) => ({
    key,
    ...(flag === undefined ? {} : { flag }),
    variable,
    brief,
    boolean: typeof fallback === "boolean",
  }));
}
