import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import type { Rules } from "../../../src/config/mod.ts";
import { readConfiguration } from "../session_fixture.ts";

/** A key of the issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** Creates a key. */
export async function createKey(kid: string, algorithm = "ES256"): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const publicJwk = { ...await exportJWK(publicKey), kid, alg: algorithm, use: "sig" };
  return { kid, algorithm, privateKey, publicJwk };
}

/** Changes of a token's claims, header and key. */
export interface TokenOptions {
  /** Claims that are added or replaced; `undefined` removes a claim. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: IssuerKey;
}

/** An issuer that serves its metadata and keys on loopback, and creates tokens for the agent `a`. */
export class Issuer implements AsyncDisposable {
  readonly url: string;
  /** The published keys. */
  keys: IssuerKey[];
  readonly requestedPaths: string[] = [];
  /** Returns the response to a request for a path, or `undefined` if the issuer is to respond as usual. */
  responseOverride: ((path: string) => Response | Promise<Response> | undefined) | undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(keys: IssuerKey[]) {
    this.keys = keys;
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const { pathname } = new URL(request.url);
      this.requestedPaths.push(pathname);
      return this.responseOverride?.(pathname) ?? this.#respond(pathname);
    });
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  static async open(): Promise<Issuer> {
    return new Issuer([await createKey("one")]);
  }

  /** Creates a token, which is valid unless the options change that. */
  async createToken(
    { claims = {}, header = {}, key = this.keys[0] }: TokenOptions = {},
  ): Promise<string> {
    if (key === undefined) throw new Error("There is no key");
    const now = Math.floor(Date.now() / 1000);
    const validClaims = {
      iss: this.url,
      aud: "gateway",
      sub: "user",
      agent: "a",
      iat: now,
      exp: now + 60,
    };
    return await new SignJWT({ ...validClaims, ...claims } as JWTPayload)
      .setProtectedHeader({ alg: key.algorithm, kid: key.kid, ...header })
      // Permits tests to add the critical header parameter "urn:odd", which the gateway does not know.
      .sign(key.privateKey, { crit: { "urn:odd": true } });
  }

  /** Returns the entry for this issuer in a rules file. */
  jwtRules(overrides: Readonly<Record<string, unknown>> = {}): object {
    return { issuer: this.url, audience: "gateway", agent_claim: "agent", ...overrides };
  }

  /** Returns rules with the agents `a` and `b` and this issuer. */
  async rules(overrides: Readonly<Record<string, unknown>> = {}): Promise<Rules> {
    const rules = { agents: { a: {}, b: {} }, auth: { jwt: this.jwtRules(overrides) } };
    return (await readConfiguration(rules)).rules;
  }

  /** Stops listening. */
  async end(): Promise<void> {
    await this.#server.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #respond(path: string): Response {
    if (path === "/.well-known/openid-configuration") {
      return Response.json({ issuer: this.url, jwks_uri: `${this.url}/keys` });
    }
    if (path === "/keys") {
      return Response.json({ keys: this.keys.map(({ publicJwk }) => publicJwk) });
    }
    return new Response("no", { status: 404 });
  }
}
