import { utf8Bytes } from "../../jsonrpc/mod.ts";

/** Maximum size of a state before it is sealed, in bytes. */
export const MAX_STATE_BYTES = 64 * 1024;

const ALGORITHM = "AES-GCM";

/** Size of the number that is used once with the key, in bytes. */
const NONCE_BYTES = 12;

/** Size of the tag that AES-GCM appends, in bytes. */
const TAG_BYTES = 16;

/** Maximum length of a sealed state. */
const MAX_SEALED_LENGTH = Math.ceil((NONCE_BYTES + MAX_STATE_BYTES + TAG_BYTES) * 4 / 3);

/** The purpose of the key, so that the secret could serve other purposes, too. */
const PURPOSE = "agent-mcp-gateway: requestState of revision 2026-07-28";

const BASE64 = { alphabet: "base64url", omitPadding: true } as const;

/**
 * Seals state that clients hold: they can neither read nor change it. Sealed states are text.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr}
 */
export class StateSeal {
  readonly #secret: string | undefined;
  #key: Promise<CryptoKey> | undefined;

  /**
   * Creates the seal; derives its key when it is first used.
   *
   * @param secret The secret of `GATEWAY_STATE_KEY`; `undefined` for a random key, which ends with the process.
   */
  constructor(secret: string | undefined) {
    this.#secret = secret;
  }

  /**
   * Seals a state.
   *
   * @param state A JSON value of at most `MAX_STATE_BYTES`.
   * @param method The method of the requests that it belongs to.
   * @throws {RangeError} if the state is too large.
   */
  async seal(state: unknown, method: string): Promise<string> {
    const text = JSON.stringify(state);
    if (utf8Bytes(text) > MAX_STATE_BYTES) throw new RangeError("The state is too large");
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const key = await this.#openKey();
    const sealed = await crypto.subtle.encrypt(parametersOf(nonce, method), key, encode(text));
    const bytes = new Uint8Array(NONCE_BYTES + sealed.byteLength);
    bytes.set(nonce);
    bytes.set(new Uint8Array(sealed), NONCE_BYTES);
    return bytes.toBase64(BASE64);
  }

  /**
   * Opens a sealed state; returns `undefined` if it was not sealed for the method with this key.
   */
  async open(sealed: string, method: string): Promise<unknown> {
    if (sealed.length > MAX_SEALED_LENGTH) return undefined;
    const key = await this.#openKey();
    try {
      const bytes = Uint8Array.fromBase64(sealed, { alphabet: BASE64.alphabet });
      const parameters = parametersOf(bytes.subarray(0, NONCE_BYTES), method);
      const text = await crypto.subtle.decrypt(parameters, key, bytes.subarray(NONCE_BYTES));
      return JSON.parse(new TextDecoder().decode(text));
    } catch {
      // The text is not base64, or the gateway did not seal it: clients may send anything.
      return undefined;
    }
  }

  #openKey(): Promise<CryptoKey> {
    return this.#key ??= createKey(this.#secret);
  }
}

async function createKey(secret: string | undefined): Promise<CryptoKey> {
  const type = { name: ALGORITHM, length: 256 };
  const usages: KeyUsage[] = ["encrypt", "decrypt"];
  if (secret === undefined) return await crypto.subtle.generateKey(type, false, usages);
  const material = await crypto.subtle.importKey("raw", encode(secret), "HKDF", false, [
    "deriveKey",
  ]);
  const salt = new Uint8Array();
  const derivation = { name: "HKDF", hash: "SHA-256", salt, info: encode(PURPOSE) };
  return await crypto.subtle.deriveKey(derivation, material, type, false, usages);
}

function parametersOf(iv: Uint8Array<ArrayBuffer>, method: string): AesGcmParams {
  return { name: ALGORITHM, iv, additionalData: encode(`${PURPOSE}\n${method}`) };
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
