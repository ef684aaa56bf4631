import type { Fields, RunningGateway } from "./gateway.ts";

/** A client that sends single HTTP requests to the gateway. */
export class HttpClient {
  readonly url: string;
  /** Value of `Authorization`; omitted if empty. */
  token: string;
  /** Value of `Mcp-Session-Id`; omitted if empty. */
  sessionId = "";

  constructor(gateway: RunningGateway, token = "") {
    this.url = gateway.url;
    this.token = token;
  }

  /** Headers of each request. */
  get headers(): Record<string, string> {
    return {
      ...(this.token === "" ? {} : { authorization: `Bearer ${this.token}` }),
      ...(this.sessionId === "" ? {} : { "mcp-session-id": this.sessionId }),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
  }

  async sendMessage(message: Fields): Promise<Response> {
    return await this.request("POST", { body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
  }

  /** Sends a request with any method, body and further headers. */
  async request(
    method: string,
    { headers = {}, ...more }: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Response> {
    return await fetch(this.url, { method, headers: { ...this.headers, ...headers }, ...more });
  }

  /** Sends a request and returns only the status. */
  async requestStatus(method: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await this.request(method, { headers });
    await response.body?.cancel();
    return response.status;
  }

  /** Opens a session and returns the status. */
  async openSession(): Promise<number> {
    this.sessionId = "";
    const clientInfo = { name: "client", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const response = await this.sendMessage({ id: 1, method: "initialize", params });
    await response.body?.cancel();
    this.sessionId = response.headers.get("mcp-session-id") ?? "";
    return response.status;
  }

  /** Calls a gateway tool; returns the code of the refusal, `"ok"`, or the status. */
  async callGatewayToolForOutcome(name: string, args: Fields = {}): Promise<string | number> {
    const params = { name, arguments: args };
    const response = await this.sendMessage({ id: 2, method: "tools/call", params });
    const text = await response.text();
    if (response.status !== 200) return response.status;
    const { result, error } = JSON.parse(text.replace(/^(?:\w+:.*\n)*?data: /, "").trim());
    if (error !== undefined) return error.code;
    return result.isError ? JSON.parse(result.content[0].text).error.code : "ok";
  }
}
