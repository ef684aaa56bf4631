import assert from "node:assert/strict";
import { type AgentSession, executeToolParams } from "../../e2e/agent_session.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import { waitUntil } from "../../e2e/wait.ts";
import type { OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

const CAPABILITIES = {
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
  sampling: {},
  experimental: { vendor: {} },
};

/** Makes the server send the client a request, and returns the answer that the server received. */
async function sendServerRequest(
  gateway: AgentSession,
  server: string,
  request: { method: string; params?: Fields },
): Promise<unknown> {
  return JSON.parse(await gateway.callServerToolForText(server, "ask", { params: {}, ...request }));
}

/** Returns the capabilities in the `initialize` that a server has received. */
function readDeclared(received: string): unknown {
  const messages = received.split("\n").map((line) => JSON.parse(line));
  return messages.find(({ method }) => method === "initialize").params.capabilities;
}

/** Checks that requests and log messages of a server reach the client. */
export async function checkForwarding(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect({ capabilities: CAPABILITIES });
  const { client } = gateway;
  const elicitations: Fields[] = [];
  client.setRequestHandler("elicitation/create", (params) => {
    elicitations.push(params);
    return { action: "accept", content: { name: "x", big: 7 } };
  });
  client.setRequestHandler("roots/list", () => ({ roots: [{ uri: "file:///x", name: "x" }] }));
  client.setRequestHandler("sampling/createMessage", () => ({ role: "assistant", model: "m" }));

  await check(
    "[servers.forward] an elicitation is forwarded with the name of the server",
    async () => {
      const schema = { type: "object", properties: { name: { type: "string" } } };
      for (
        const params of [
          { message: "Your name?", requestedSchema: schema },
          { mode: "url", elicitationId: "e", url: "https://example.com/", message: "Log in" },
        ]
      ) {
        const answer = await sendServerRequest(gateway, "odd", {
          method: "elicitation/create",
          params,
        });
        assert.deepEqual(answer, { action: "accept", content: { name: "x", big: 7 } });
        const form = "requestedSchema" in params
          ? { requestedSchema: { ...schema, title: "[odd]" } }
          : {};
        const message = `[odd] ${params.message}`;
        assert.deepEqual(elicitations.at(-1), { ...params, ...form, message });
      }
    },
  );

  await check(
    "[tenants.elicitation] brackets at the beginning of an elicitation's texts are replaced by the server's name",
    async () => {
      for (const claim of ["[bank] ", "[bank][safe] ", " [bank]\n[safe]", "\u200b[bank]\u200b "]) {
        await sendServerRequest(gateway, "odd", {
          method: "elicitation/create",
          params: {
            message: `${claim}Your password?`,
            requestedSchema: { type: "object", title: `${claim}Log in [1]`, properties: {} },
          },
        });
        assert.deepEqual(elicitations.at(-1), {
          message: "[odd] Your password?",
          requestedSchema: { type: "object", title: "[odd] Log in [1]", properties: {} },
        });
      }
    },
  );

  await check("[servers.forward] a request for roots is forwarded", async () => {
    const answer = await sendServerRequest(gateway, "odd", { method: "roots/list" });
    assert.deepEqual(answer, { roots: [{ uri: "file:///x", name: "x" }] });
  });

  await check("[servers.forward] sampling is forwarded only if the entry enables it", async () => {
    const request = { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } };
    assert.equal(
      (await sendServerRequest(gateway, "odd", request) as { code: number }).code,
      -32601,
    );
    assert.deepEqual(await sendServerRequest(gateway, "sampling", request), {
      role: "assistant",
      model: "m",
    });
    const rootsAnswer = await sendServerRequest(gateway, "sampling", { method: "roots/list" });
    assert.equal((rootsAnswer as { code: number }).code, -32601);
  });

  await check("[servers.forward] an unknown request is refused, and ping is answered", async () => {
    const refusal = await sendServerRequest(gateway, "odd", { method: "no/such/method" });
    assert.equal((refusal as { code: number }).code, -32601);
    assert.deepEqual(await sendServerRequest(gateway, "odd", { method: "ping" }), {});
  });

  await check(
    "[servers.forward] only capabilities that the entry forwards are declared to the server",
    async () => {
      const readCapabilities = async (server: string) => {
        return readDeclared(await gateway.callServerToolForText(server, "received"));
      };
      const { elicitation, roots, sampling } = CAPABILITIES;
      assert.deepEqual(await readCapabilities("odd"), { elicitation, roots });
      assert.deepEqual(await readCapabilities("sampling"), { sampling });
    },
  );

  await check(
    "[lifecycle.log-messages] log messages arrive with the name of the server, from the level that the client sets",
    async () => {
      const method = "notifications/message";
      const notify = (params: Fields) =>
        gateway.callServerToolForText("odd", "notify", { method, params });
      await notify({ level: "info", logger: "db", data: { x: [1] } });
      await notify({ level: "error", data: "text" });
      await client.request("logging/setLevel", { level: "warning" });
      await notify({ level: "info", data: "too little" });
      await notify({ level: "critical", data: "enough" });
      await waitUntil(
        "the last message has arrived",
        () => client.notificationParams(method).length === 3,
      );
      assert.deepEqual(client.notificationParams(method), [
        { level: "info", logger: "odd/db", data: { x: [1] } },
        { level: "error", logger: "odd", data: "text" },
        { level: "critical", logger: "odd", data: "enough" },
      ]);
    },
  );

  await check(
    "[servers.forward] no capabilities are declared to a server if the client declared none",
    async () => {
      const plainSession = await transport.connect();
      const received = await plainSession.callServerToolForText("odd", "received");
      assert.deepEqual(readDeclared(received), {});
    },
  );
}

/** Checks that a server's request to the client ends with the call during which it was sent. */
export async function checkRequestsDuringCalls(
  transport: OpenTransport,
  check: Check,
): Promise<void> {
  const gateway = await transport.connect({ capabilities: { elicitation: {} } });
  const { client } = gateway;
  const elicitation = { method: "elicitation/create", params: { message: "Your name?" } };
  const listElicitations = () => {
    return client.receivedMessages.filter(({ message }) => message.method === elicitation.method);
  };
  /** Waits for an elicitation, counted from 1, and for its cancellation. */
  const waitForCancellation = async (number: number): Promise<void> => {
    await waitUntil("the elicitation has arrived", () => listElicitations().length === number);
    const id = listElicitations().at(-1)?.message.id;
    await waitUntil("the elicitation is cancelled", () => {
      const cancelled = client.notificationParams("notifications/cancelled");
      return cancelled.some(({ requestId }) => requestId === id);
    });
  };

  await check(
    "[sessions.questions] a call may wait for the client longer than call_timeout_ms",
    async () => {
      const answer = { action: "accept", content: { name: "Ada" } };
      client.setRequestHandler("elicitation/create", () => {
        return new Promise((resolve) => setTimeout(() => resolve(answer), 1500));
      });
      assert.deepEqual(await sendServerRequest(gateway, "impatient", elicitation), answer);
      assert.deepEqual(client.notificationParams("notifications/cancelled"), []);
    },
  );

  // From here on, the client answers no elicitation.
  client.setRequestHandler("elicitation/create", () => undefined);

  await check(
    "[sessions.questions] an elicitation is cancelled when its call is answered",
    async () => {
      assert.equal(
        await gateway.callServerToolForText("impatient", "ask", { ...elicitation, early: true }),
        "early",
      );
      await waitForCancellation(2);
    },
  );

  await check(
    "[sessions.questions] an elicitation is cancelled when its call is cancelled",
    async () => {
      const params = executeToolParams("impatient", "ask", elicitation);
      const text = JSON.stringify({ jsonrpc: "2.0", id: "stopped", method: "tools/call", params });
      void client.sendLine(text);
      await waitUntil("the elicitation has arrived", () => listElicitations().length === 3);
      await client.notify("notifications/cancelled", { requestId: "stopped" });
      await waitForCancellation(3);
    },
  );

  await check(
    "[sessions.questions] an elicitation is cancelled when its call times out, and the error says that the call was waiting",
    async () => {
      const call = gateway.expectRefusal("execute_tool", {
        server: "impatient",
        tool: "ask",
        args: elicitation,
        timeout_ms: 300,
      });
      await waitForCancellation(4);
      const { code, message } = await call;
      assert.equal(code, "TIMEOUT");
      assert.match(message, /it was waiting for the client or a person/);
    },
  );

  await check(
    "[sessions.questions] the server receives an error for each cancelled elicitation",
    async () => {
      const received = await gateway.callServerToolForText("impatient", "received");
      const errors = received.split("\n").filter((line) => /belongs to has ended/.test(line));
      assert.equal(errors.length, 3);
    },
  );
}
