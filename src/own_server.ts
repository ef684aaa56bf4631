/**
 * The name of the gateway's own server, which runs in the gateway's process. No entry of the servers file may have it.
 *
 * @module
 */

/** Name of the gateway's own server. */
export const OWN_SERVER = "gateway";

/** Whether a pattern of server names holds the name of the own server as a whole, as `gateway` and `gateway*` do. */
export function namesOwnServer(pattern: string): boolean {
  return pattern.includes(OWN_SERVER);
}
