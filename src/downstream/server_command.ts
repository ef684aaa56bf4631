/**
 * Returns a command line of the gateway for a server, which a person can paste into a shell.
 *
 * @param command The words of the command, such as `auth login`.
 * @param server The server's name.
 */
export function serverCommand(command: string, server: string): string {
  const serverArgument = /^[\w.@:/][\w.@:/-]*$/.test(server)
    ? server
    : `-- '${server.replaceAll("'", `'\\''`)}'`;
  return `agent-mcp-gateway ${command} ${serverArgument}`;
}
