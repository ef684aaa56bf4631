import { Budget } from "../../../../src/budget.ts";
import {
  type ResultCaps,
  ResultStore,
} from "../../../../src/gateway/own_server/results/result_store.ts";
import { createRecordingLog, type RecordingLog } from "../../../audit/audit_log_fixtures.ts";
import { TempFolder } from "../../../config/temp_folder.ts";

export const OWNER = { connectionId: "c1", agent: "a" };

/** Options of a store under test. */
export interface StoreFixtureOptions {
  readonly caps?: ResultCaps;
  /** Memory of each agent, in bytes. Default: no limit. */
  readonly memory?: number;
}

/** A store whose clock is set by the test. */
export class StoreFixture implements Disposable {
  readonly log: RecordingLog = createRecordingLog();
  readonly folder: string;
  readonly store: ResultStore;
  readonly memory = new Map<string, Budget>();
  nowMs = 0;
  readonly #temp = new TempFolder();

  constructor({ caps, memory = Infinity }: StoreFixtureOptions = {}) {
    this.folder = `${this.#temp.path}/state/results`;
    this.store = new ResultStore({
      folder: this.folder,
      memoryOf: (agent) => {
        const budget = this.memory.get(agent) ?? new Budget(memory);
        this.memory.set(agent, budget);
        return budget;
      },
      log: this.log,
      now: () => this.nowMs,
      ...(caps === undefined ? {} : { caps }),
    });
  }

  /** Keeps a text for an owner; returns its handle, or the reason why it is not kept. */
  async keep(text: string, owner: typeof OWNER = OWNER): Promise<string> {
    const signal = new AbortController().signal;
    const keeping = await this.store.keep(text, { owner, maxTokens: 200, signal });
    return "handle" in keeping ? keeping.handle : keeping.reason;
  }

  /** Returns a kept text; `undefined` if it is not kept for the owner. */
  read(handle: string, owner: typeof OWNER = OWNER): string | undefined {
    const text = this.store.find(handle, owner)?.text;
    return text?.slice(0, text.length);
  }

  [Symbol.dispose](): void {
    this.store.close();
    this.#temp[Symbol.dispose]();
  }
}

/** Texts that are hard to keep exactly. */
export const TEXTS: Readonly<Record<string, string>> = {
  empty: "",
  ascii: "one\ntwo\r\nthree",
  "lone surrogates": "\ud800a\udc00\n\udfff\ud83d",
  latin: "caf\u00e9 \u0080\u009f\u00ff\n".repeat(20_000),
  unicode: "漢字 😀\n".repeat(30_000),
  "one wide chunk": `${"a".repeat(100_000)}😀${"b".repeat(200_000)}`,
  "pair between chunks": `${"a".repeat(64 * 1024 - 1)}😀\n`,
  null: "\0".repeat(70_000),
};
