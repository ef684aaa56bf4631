import type { Server } from "node:http";
import type { SdkServer } from "./sdk_servers.ts";

/** A listening server, with its connections. */
export async function createHttpServer<T extends { server: { close(): Promise<void> } }>(
  http: Server,
  sessions: Map<string, T>,
  path: string,
  notify: (session: T) => Promise<void>,
): Promise<SdkServer> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve()));
  const opened = new Set<T>();
  const set = sessions.set.bind(sessions);
  sessions.set = (id, session) => {
    opened.add(session);
    return set(id, session);
  };
  return {
    url: `http://127.0.0.1:${(http.address() as { port: number }).port}${path}`,
    sessions,
    forget: () => sessions.clear(),
    notifyChange: async () => {
      for (const session of sessions.values()) await notify(session);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { server } of opened) await server.close();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
