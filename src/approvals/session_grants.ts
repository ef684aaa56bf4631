/** The tools that a person has approved for the rest of a connection. A connection that is gone is forgotten. */
export class SessionGrants {
  // The id of the request in which a tool was approved, by agent and tool.
  readonly #grants = new WeakMap<object, Map<string, string>>();

  /**
   * Adds an approval.
   *
   * @param connection An object that lives as long as the connection.
   * @param id Id of the request in which the tool was approved.
   */
  add(connection: object, { id, ...tool }: ApprovedTool & { readonly id: string }): void {
    const grants = this.#grants.get(connection) ?? new Map<string, string>();
    grants.set(keyOf(tool), id);
    this.#grants.set(connection, grants);
  }

  /** Returns the id of the request in which a tool was approved for a connection; `undefined` if it was not. */
  find(connection: object, tool: ApprovedTool): string | undefined {
    return this.#grants.get(connection)?.get(keyOf(tool));
  }
}

/** A tool that an agent may use. */
export interface ApprovedTool {
  /** The agent. */
  readonly agent: string;
  /** Name of the server. */
  readonly server: string;
  /** The tool's name at its server. */
  readonly tool: string;
}

function keyOf({ agent, server, tool }: ApprovedTool): string {
  return JSON.stringify([agent, server, tool]);
}
