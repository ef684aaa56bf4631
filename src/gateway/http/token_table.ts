import type { Rules } from "../../config/mod.ts";

/** Words of 32 bits in a hash. */
const WORDS = 8;

/** A token of the rules. */
export interface KnownToken {
  /** Hash of the token, 64 hex digits. */
  readonly sha256: string;
  /** The agent that it names. */
  readonly agent: string;
  /** Milliseconds since 1970 from which it counts no more. */
  readonly expiresAtMs?: number;
}

/**
 * The tokens of one rules file. How long a look takes says nothing of the hashes: each is compared
 * to its end, the one that is found, too.
 */
export class TokenTable {
  readonly #tokens: KnownToken[] = [];
  readonly #words: Uint32Array<ArrayBuffer>;

  /** Lists the tokens of all agents. */
  constructor({ agents }: Rules) {
    for (const [agent, { tokens }] of agents) {
      for (const token of tokens) this.#tokens.push({ ...token, agent });
    }
    this.#words = new Uint32Array(this.#tokens.length * WORDS);
    for (const [index, { sha256 }] of this.#tokens.entries()) {
      for (let word = 0; word < WORDS; word++) {
        this.#words[index * WORDS + word] = parseInt(sha256.slice(word * 8, word * 8 + 8), 16);
      }
    }
  }

  /** The token with this hash, expired ones included. Where it stands twice, the last counts. */
  find(hash: Uint8Array<ArrayBuffer>): KnownToken | undefined {
    const view = new DataView(hash.buffer, hash.byteOffset, WORDS * 4);
    const wanted = Array.from({ length: WORDS }, (_, word) => view.getUint32(word * 4));
    let found = -1;
    for (let index = 0; index < this.#tokens.length; index++) {
      let difference = 0;
      for (let word = 0; word < WORDS; word++) {
        difference |= (this.#words[index * WORDS + word] ?? 0) ^ (wanted[word] ?? 0);
      }
      if (difference === 0) found = index;
    }
    return this.#tokens[found];
  }
}

/** The SHA-256 of a token. */
export async function hashToken(token: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}
