/**
 * Returns a command line of the gateway for a server, which a person can paste into a shell.
 *
 * @param command The words of the command, such as `auth login`.
 * @param server The server's name.
 * @param flag A flag of the command; default: none.
 */
export function serverCommand(command: string, server: string, flag?: string): string {
  const start = `agent-mcp-gateway ${command}`;
  const flags = flag === undefined ? "" : ` ${flag}`;
  if (/^[\w.@:/][\w.@:/-]*$/.test(server)) return `${start} ${server}${flags}`;
  return `${start}${flags} -- '${server.replaceAll("'", `'\\''`)}'`;
}
