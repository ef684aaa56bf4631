import type { Server } from "node:http";
import type { SdkServer } from "./sdk_servers.ts";

/** Starts an HTTP server with the sessions of an SDK, and returns both as an `SdkServer`. */
export async function startSdkServer<T extends { server: { close(): Promise<void> } }>(
  http: Server,
  sessions: Map<string, T>,
  path: string,
  changeSessionTools: (session: T) => Promise<void>,
): Promise<SdkServer> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve()));
  const openedSessions = new Set<T>();
  // At the end, sessions that the server has forgotten must be closed too.
  const setSession = sessions.set.bind(sessions);
  sessions.set = (id, session) => {
    openedSessions.add(session);
    return setSession(id, session);
  };
  return {
    url: `http://127.0.0.1:${(http.address() as { port: number }).port}${path}`,
    sessions,
    forgetSessions: () => sessions.clear(),
    changeTools: async () => {
      for (const session of sessions.values()) await changeSessionTools(session);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { server } of openedSessions) await server.close();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
