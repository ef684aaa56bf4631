import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Rules } from "../../../src/config/mod.ts";
import type { Identified } from "../../../src/gateway/http/credentials.ts";
import {
  type IdentificationOptions,
  Identifier,
} from "../../../src/gateway/http/identification.ts";
import { silentLog } from "../../audit/support.ts";
import { readRules } from "../session_scene.ts";

/** An identification, and how it is asked. */
export class Desk implements AsyncDisposable {
  readonly log = silentLog();
  readonly identifier: Identifier;
  /** The rules in force. */
  rules: Rules;

  constructor(rules: Rules, more: Partial<IdentificationOptions> = {}) {
    this.rules = rules;
    this.identifier = new Identifier({ rules: () => this.rules, log: this.log, ...more });
  }

  /** One for what a rules file says. */
  static async open(rules: object, more?: Partial<IdentificationOptions>): Promise<Desk> {
    return new Desk((await readRules(rules)).rules, more);
  }

  /** Puts other rules in force. */
  async reload(rules: object): Promise<void> {
    this.rules = (await readRules(rules)).rules;
  }

  /** Identifies a request with this header. */
  identify(authorization: string | null, address = "192.0.2.1"): Promise<Identified> {
    const url = new URL("https://gateway.example/mcp");
    return this.identifier.identify({ authorization, address, url });
  }

  /** Identifies a request with this token; gives the agent, or the status of the refusal. */
  async login(token: string, address?: string): Promise<string | number> {
    const identified = await this.identify(`Bearer ${token}`, address);
    if (identified.kind === "credential") return identified.credential.agent;
    return identified.kind === "refused" ? identified.status : identified.kind;
  }

  /** The credential of a request that must have one. */
  async credential(token: string) {
    const identified = await this.identify(`Bearer ${token}`);
    assert.ok(identified.kind === "credential", JSON.stringify(identified));
    return identified.credential;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.identifier.close();
  }
}

/** The hash of a token, as it stands in the rules. */
export function sha256(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
