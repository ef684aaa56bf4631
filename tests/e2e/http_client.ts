import type { Fields, RunningGateway } from "./gateway.ts";

/** A client that sends single HTTP requests to the gateway. */
export class HttpClient {
  readonly url: string;
  /** Value of `Authorization`; omitted if empty. */
  token: string;
  /** Value of `Mcp-Session-Id`; omitted if empty. */
  session = "";

  constructor(gateway: RunningGateway, token = "") {
    this.url = gateway.url;
    this.token = token;
  }

  /** Headers of each request. */
  get headers(): Record<string, string> {
    return {
      ...(this.token === "" ? {} : { authorization: `Bearer ${this.token}` }),
      ...(this.session === "" ? {} : { "mcp-session-id": this.session }),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
  }

  async send(message: Fields): Promise<Response> {
    return await this.ask("POST", { body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
  }

  /** Sends a request with any method, body and further headers. */
  async ask(
    method: string,
    { headers = {}, ...more }: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Response> {
    return await fetch(this.url, { method, headers: { ...this.headers, ...headers }, ...more });
  }

  /** Sends a request and returns only the status. */
  async status(method: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await this.ask(method, { headers });
    await response.body?.cancel();
    return response.status;
  }

  /** Opens a session and returns the status. */
  async open(): Promise<number> {
    this.session = "";
    const clientInfo = { name: "client", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const response = await this.send({ id: 1, method: "initialize", params });
    await response.body?.cancel();
    this.session = response.headers.get("mcp-session-id") ?? "";
    return response.status;
  }

  /** Calls a gateway tool; returns the code of the refusal, `"ok"`, or the status. */
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
