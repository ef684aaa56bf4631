import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Rules } from "../../../src/config/mod.ts";
import type { AuthResult } from "../../../src/gateway/http/authentication.ts";
import {
  RulesAuthenticator,
  type RulesAuthenticatorOptions,
} from "../../../src/gateway/http/rules_authenticator.ts";
import { silentLog } from "../../audit/support.ts";
import { readRules } from "../session_scene.ts";

/** An authenticator, and how it is asked. */
export class Desk {
  readonly log = silentLog();
  readonly authenticator: RulesAuthenticator;
  /** The rules in force. */
  rules: Rules;

  constructor(rules: Rules, more: Partial<RulesAuthenticatorOptions> = {}) {
    this.rules = rules;
    this.authenticator = new RulesAuthenticator({
      rules: () => this.rules,
      log: this.log,
      ...more,
    });
  }

  /** One for what a rules file says. */
  static async open(rules: object, more?: Partial<RulesAuthenticatorOptions>): Promise<Desk> {
    return new Desk((await readRules(rules)).rules, more);
  }

  /** Puts other rules in force. */
  async reload(rules: object): Promise<void> {
    this.rules = (await readRules(rules)).rules;
  }

  /** Authenticates a request with this header. */
  authenticate(authorization: string | null, address = "192.0.2.1"): Promise<AuthResult> {
    const url = new URL("https://gateway.example/mcp");
    return this.authenticator.authenticate({ authorization, address, url });
  }

  /** Authenticates a request with this token; gives the agent, or the status of the refusal. */
  async login(token: string, address?: string): Promise<string | number> {
    const result = await this.authenticate(`Bearer ${token}`, address);
    if (result.kind === "credential") return result.credential.agent;
    return result.kind === "refused" ? result.status : result.kind;
  }

  /** The credential of a request that must have one. */
  async credential(token: string) {
    const result = await this.authenticate(`Bearer ${token}`);
    assert.ok(result.kind === "credential", JSON.stringify(result));
    return result.credential;
  }
}

/** The hash of a token, as the rules contain it. */
export function sha256(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
