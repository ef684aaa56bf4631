import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Rules } from "../../../src/config/mod.ts";
import type { AuthResult } from "../../../src/gateway/http/authentication.ts";
import {
  RulesAuthenticator,
  type RulesAuthenticatorOptions,
} from "../../../src/gateway/http/rules_authenticator.ts";
import { createRecordingLog } from "../../audit/audit_log_fixtures.ts";
import { readConfiguration } from "../session_fixture.ts";

/** An authenticator with replaceable rules. */
export class AuthenticatorFixture {
  readonly log = createRecordingLog();
  readonly authenticator: RulesAuthenticator;
  /** The active rules. */
  rules: Rules;

  constructor(rules: Rules, options: Partial<RulesAuthenticatorOptions> = {}) {
    this.rules = rules;
    this.authenticator = new RulesAuthenticator({
      rules: () => this.rules,
      log: this.log,
      ...options,
    });
  }

  /** Creates an authenticator for the content of a rules file. */
  static async open(
    rules: object,
    options?: Partial<RulesAuthenticatorOptions>,
  ): Promise<AuthenticatorFixture> {
    return new AuthenticatorFixture((await readConfiguration(rules)).rules, options);
  }

  /** Replaces the rules. */
  async reload(rules: object): Promise<void> {
    this.rules = (await readConfiguration(rules)).rules;
    this.authenticator.onRulesChanged();
  }

  /** Authenticates a request with an `Authorization` header, or without it. */
  authenticate(authorization: string | null, address = "192.0.2.1"): Promise<AuthResult> {
    const url = new URL("https://gateway.example/mcp");
    return this.authenticator.authenticate({ authorization, address, url });
  }

  /** Authenticates a request with a token; returns the agent, or the HTTP status of the refusal. */
  async agentOrStatusOf(token: string, address?: string): Promise<string | number> {
    const result = await this.authenticate(`Bearer ${token}`, address);
    if (result.kind === "credential") return result.credential.agent;
    return result.kind === "refused" ? result.status : result.kind;
  }

  /** Authenticates a request that must succeed, and returns its credential. */
  async expectCredential(token: string) {
    const result = await this.authenticate(`Bearer ${token}`);
    assert.ok(result.kind === "credential", JSON.stringify(result));
    return result.credential;
  }
}

/** Returns the SHA-256 hash of a token, as rules contain it. */
export function sha256(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
