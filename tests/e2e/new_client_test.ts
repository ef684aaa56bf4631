import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import {
  FACES,
  type LibraryClient,
  runAgentSession,
  runAgentSessionOverHttp,
} from "./library_client.ts";

const SERVER_INFO = "io.modelcontextprotocol/serverInfo";

type Transport = Parameters<Client["connect"]>[0];

/** Connects a client of `@modelcontextprotocol/client`; with `asksLaterRevision`, the client asks for a later revision of MCP first. */
async function connect(
  transport: Transport,
  { endSession, asksLaterRevision = false }: {
    endSession?: () => Promise<void>;
    asksLaterRevision?: boolean;
  } = {},
): Promise<LibraryClient> {
  const options = asksLaterRevision ? { versionNegotiation: { mode: "auto" as const } } : {};
  const client = new Client({ name: "client", version: "1" }, options);
  const notifications: string[] = [];
  client.setNotificationHandler(
    "notifications/resources/updated",
    ({ method, params: { uri } }) => {
      notifications.push(`${method} ${uri}`);
    },
  );
  for (const kind of ["resources", "prompts", "tools"] as const) {
    client.setNotificationHandler(`notifications/${kind}/list_changed`, ({ method }) => {
      notifications.push(method);
    });
  }
  await client.connect(transport);
  const revision = asksLaterRevision ? "2026-07-28" : "2025-11-25";
  assert.equal(client.getNegotiatedProtocolVersion(), revision);
  return {
    instructions: () => client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    callTool: async (name, args, options) => {
      const { _meta, ...result } = await client.callTool({ name, arguments: args }, options);
      // In the later revision, every result names its server.
      if (asksLaterRevision) assert.deepEqual(Object.keys(_meta ?? {}), [SERVER_INFO]);
      return asksLaterRevision || _meta === undefined ? result : { _meta, ...result };
    },
    list: async (kind) => {
      switch (kind) {
        case "resources":
          return (await client.listResources()).resources.map(({ uri }) => uri);
        case "templates": {
          const { resourceTemplates } = await client.listResourceTemplates();
          return resourceTemplates.map(({ uriTemplate }) => uriTemplate);
        }
        case "prompts":
          return (await client.listPrompts()).prompts.map(({ name }) => name);
      }
    },
    readResource: (uri) => client.readResource({ uri }),
    subscribe: (uri) => client.subscribeResource({ uri }),
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    getPrompt: (name, args) => client.getPrompt({ name, arguments: args }),
    complete: (ref, argument) => client.complete({ ref, argument }),
    notifications,
    close: async () => {
      await endSession?.();
      await client.close();
    },
  };
}

for (const [face, options] of Object.entries(FACES)) {
  Deno.test({
    name:
      `[protocol.sdk-2] a client of @modelcontextprotocol/client 2.x works with the ${face} face`,
    // The client's close() leaves a timer of 2 s, which would send SIGTERM if the gateway still ran.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await runAgentSession(
        (launch) => connect(new StdioClientTransport({ ...launch, stderr: "ignore" })),
        options,
      );
    },
  });

  Deno.test({
    name:
      `[http.clients] a client of @modelcontextprotocol/client 2.x works over HTTP with the ${face} face`,
    // The client does not clear the timers of its calls, and does not read its streams to their end.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await runAgentSessionOverHttp((url) => {
        const transport = new StreamableHTTPClientTransport(url);
        return connect(transport, { endSession: () => transport.terminateSession() });
      }, options);
    },
  });
}

Deno.test({
  name:
    "[http.clients] [eras.http-sdk] a client of @modelcontextprotocol/client 2.x that asks for a later revision works over HTTP without a session",
  // The client does not clear the timers of its calls, and does not read its streams to their end.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await runAgentSessionOverHttp((url) => {
      const transport = new StreamableHTTPClientTransport(url);
      const endSession = () => transport.terminateSession();
      return connect(transport, { endSession, asksLaterRevision: true });
    });
  },
});
