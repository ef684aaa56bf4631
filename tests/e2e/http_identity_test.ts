import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/desk.ts";
import { Issuer } from "../gateway/http/issuer.ts";
import { type Fields, type RunningGateway, startGateway } from "./gateway.ts";
import { soon, until } from "./until.ts";

/** A client that speaks with the gateway request by request. */
class Visitor {
  readonly #url: string;
  /** What it sends as `Authorization`; nothing where empty. */
  token: string;
  #session = "";

  constructor(gateway: RunningGateway, token = "") {
    this.#url = gateway.url;
    this.token = token;
  }

  async send(message: Fields): Promise<Response> {
    return await fetch(this.#url, {
      method: "POST",
      headers: {
        ...(this.token === "" ? {} : { authorization: `Bearer ${this.token}` }),
        ...(this.#session === "" ? {} : { "mcp-session-id": this.#session }),
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    });
  }

  /** Opens a session, and gives the status. */
  async open(): Promise<number> {
    this.#session = "";
    const clientInfo = { name: "visitor", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const response = await this.send({ id: 1, method: "initialize", params });
    await response.body?.cancel();
    this.#session = response.headers.get("mcp-session-id") ?? "";
    return response.status;
  }

  /** Calls a gateway tool; gives the code of the refusal, `"ok"`, or the status. */
  async call(name: string, args: Fields = {}): Promise<string | number> {
    const params = { name, arguments: args };
    const response = await this.send({ id: 2, method: "tools/call", params });
    const text = await response.text();
    if (response.status !== 200) return response.status;
    const { result, error } = JSON.parse(text.replace(/^(?:\w+:.*\n)*?data: /, "").trim());
    if (error !== undefined) return error.code;
    return result.isError ? JSON.parse(result.content[0].text).error.code : "ok";
  }
}

Deno.test("[identity.credential] [rules.credentials] over HTTP the credential says who calls", async (t) => {
  await using issuer = await Issuer.open();
  const rules = (tokens: string[]) => ({
    agents: {
      a: { token_sha256: tokens.map(sha256), limits: { per_minute: 50 } },
      b: { token_sha256: [sha256("amg_b")], limits: { per_minute: 1 } },
    },
    auth: { jwt: issuer.jwt() },
  });
  await using gateway = await startGateway({
    rules: rules(["amg_a", "amg_other"]),
    transport: "http",
    client: false,
  });

  await t.step("nobody comes in without", async () => {
    const response = await new Visitor(gateway).send({ id: 1, method: "ping" });
    await response.body?.cancel();
    assert.equal(response.status, 401);
    const challenge = response.headers.get("www-authenticate") ?? "";
    const [, where = ""] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    const metadata = await (await fetch(where)).json();
    assert.deepEqual(metadata.authorization_servers, [issuer.url]);
    assert.equal(metadata.resource, gateway.url);
    assert.equal(await new Visitor(gateway, "amg_wrong").open(), 401);
  });

  await t.step("a token and a JWT are bound to their agents", async () => {
    for (const token of ["amg_a", await issuer.token()]) {
      const visitor = new Visitor(gateway, token);
      assert.equal(await visitor.open(), 200);
      assert.equal(await visitor.call("list_servers"), "ok");
      assert.equal(await visitor.call("list_servers", { agent_id: "a" }), "ok");
      assert.equal(await visitor.call("list_servers", { agent_id: "b" }), "INVALID_AGENT_ID");
    }
    const stranger = await issuer.token({ claims: { agent: "nobody" } });
    assert.equal(await new Visitor(gateway, stranger).open(), 403);
  });

  await t.step("a session serves who opened it", async () => {
    const visitor = new Visitor(gateway, "amg_a");
    await visitor.open();
    for (const token of ["amg_b", "amg_other", await issuer.token(), "amg_wrong", ""]) {
      visitor.token = token;
      assert.ok([401, 403, 404].includes(Number(await visitor.call("list_servers"))), token);
    }
    visitor.token = await issuer.token();
    await visitor.open();
    visitor.token = await issuer.token({ claims: { iat: 1 } });
    assert.equal(await visitor.call("list_servers"), "ok");
  });

  await t.step("limits are answered in the result", async () => {
    const visitor = new Visitor(gateway, "amg_b");
    await visitor.open();
    assert.equal(await visitor.call("list_servers"), "ok");
    assert.equal(await visitor.call("list_servers"), "RATE_LIMITED");
  });

  await t.step(
    "a token that is taken out of the rules is refused, in open sessions, too",
    async () => {
      const visitor = new Visitor(gateway, "amg_a");
      await visitor.open();
      gateway.setup.write(".mcp-gateway-rules.json", rules(["amg_other"]));
      await until("it is refused", async () => await visitor.call("list_servers") === 401);
      assert.equal(await soon("the other is not", new Visitor(gateway, "amg_other").open()), 200);
    },
  );
});
