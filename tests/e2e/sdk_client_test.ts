import { Client } from "@modelcontextprotocol/sdk/client";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  PromptListChangedNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import {
  FACES,
  type LibraryClient,
  runAgentSession,
  runAgentSessionOverHttp,
} from "./library_client.ts";

type Transport = Parameters<Client["connect"]>[0];

/** Connects a client of `@modelcontextprotocol/sdk`. */
async function connect(
  transport: Transport,
  endSession?: () => Promise<void>,
): Promise<LibraryClient> {
  const client = new Client({ name: "sdk", version: "1" });
  const notifications: string[] = [];
  client.setNotificationHandler(
    ResourceUpdatedNotificationSchema,
    ({ method, params: { uri } }) => void notifications.push(`${method} ${uri}`),
  );
  client.setNotificationHandler(ResourceListChangedNotificationSchema, ({ method }) => {
    notifications.push(method);
  });
  client.setNotificationHandler(PromptListChangedNotificationSchema, ({ method }) => {
    notifications.push(method);
  });
  client.setNotificationHandler(ToolListChangedNotificationSchema, ({ method }) => {
    notifications.push(method);
  });
  await client.connect(transport);
  return {
    instructions: () => client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    callTool: (name, args, options) => {
      return client.callTool({ name, arguments: args }, undefined, options);
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
    name: `[protocol.sdk-1] a client of @modelcontextprotocol/sdk 1.x works with the ${face} face`,
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
      `[http.clients] a client of @modelcontextprotocol/sdk 1.x works over HTTP with the ${face} face`,
    // The client does not clear the timers of its calls, and does not read its streams to their end.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await runAgentSessionOverHttp((url) => {
        const transport = new StreamableHTTPClientTransport(url);
        return connect(transport as Transport, () => transport.terminateSession());
      }, options);
    },
  });
}
