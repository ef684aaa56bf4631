import type { Authenticator, Credential } from "../../../src/gateway/http/mod.ts";

/**
 * An authenticator that accepts any name as a token, except names that a test has removed. The name before a slash is
 * that of the agent.
 */
export class NameAuthenticator implements Authenticator {
  readonly requiresCredential = true;
  readonly removedNames = new Set<string>();

  authenticate({ authorization }: { authorization: string | null }) {
    const [, name = ""] = /^Bearer (.+)$/.exec(authorization ?? "") ?? [];
    if (name === "" || this.removedNames.has(name)) {
      return Promise.resolve({
        kind: "refused" as const,
        status: 401 as const,
        message: "Who are you?",
        wwwAuthenticate: 'Bearer realm="x"',
        retryAfterS: 3,
      });
    }
    const credential: Credential = { id: name, agent: `agent-${name.split("/")[0]}` };
    return Promise.resolve({ kind: "credential" as const, credential });
  }

  isValid({ id }: Credential): boolean {
    return !this.removedNames.has(id);
  }

  buildMetadata(origin: string) {
    return { resource: `${origin}/mcp` };
  }
}
