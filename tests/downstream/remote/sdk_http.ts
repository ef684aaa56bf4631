import type { Server } from "node:http";
import type { SdkServer } from "./sdk_servers.ts";

/** Starts an HTTP server, and returns it with its sessions. */
export async function startSdkServer<T extends { server: { close(): Promise<void> } }>(
  http: Server,
  sessions: Map<string, T>,
  path: string,
  notify: (session: T) => Promise<void>,
): Promise<SdkServer> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve()));
  const everOpened = new Set<T>();
  const setSession = sessions.set.bind(sessions);
  sessions.set = (id, session) => {
    everOpened.add(session);
    return setSession(id, session);
  };
  return {
    url: `http://127.0.0.1:${(http.address() as { port: number }).port}${path}`,
    sessions,
    forgetSessions: () => sessions.clear(),
    notifyChange: async () => {
      for (const session of sessions.values()) await notify(session);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { server } of everOpened) await server.close();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
