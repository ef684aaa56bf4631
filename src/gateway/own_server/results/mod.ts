/**
 * Results that are too large for an agent: cuts them, keeps them whole in memory or in files, and reads parts of them.
 * Knows neither calls nor rules. Loaded with the first result that may have to be cut. Imports `gateway/tools`, and what
 * that may import.
 *
 * @module
 */
export { type CutOptions, cutResult, type CuttableResult } from "./cut_result.ts";
export type { ByteStore, KeptText } from "./kept_text.ts";
export {
  NESTED_MAX_TOKENS,
  type ReadAnswer,
  type ReadArguments,
  type ReadLimits,
  readResult,
  unknownHandle,
} from "./result_reading.ts";
export {
  type KeepOutcome,
  type KeptResult,
  type ResultCaps,
  type ResultOwner,
  ResultStore,
  type ResultStoreOptions,
} from "./result_store.ts";
