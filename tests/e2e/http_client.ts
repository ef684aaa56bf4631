import type { Fields, RunningGateway } from "./gateway.ts";

/** An HTTP client of the gateway that sends MCP requests one by one, with any token and session id. */
export class HttpClient {
  readonly url: string;
  /** Bearer token of each request; none if empty. */
  token: string;
  /** Value of `Mcp-Session-Id` of each request; none if empty. */
  sessionId = "";

  constructor(gateway: Pick<RunningGateway, "url">, token = "") {
    this.url = gateway.url;
    this.token = token;
  }

  /** Headers that each request has. */
  get headers(): Record<string, string> {
    return {
      ...(this.token === "" ? {} : { authorization: `Bearer ${this.token}` }),
      ...(this.sessionId === "" ? {} : { "mcp-session-id": this.sessionId }),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
  }

  /** POSTs a JSON-RPC message. */
  async sendMessage(message: Fields): Promise<Response> {
    return await this.request("POST", { body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
  }

  /** Sends an HTTP request; its headers are added to `this.headers`. */
  async request(
    method: string,
    { headers = {}, ...init }: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Response> {
    return await fetch(this.url, { method, headers: { ...this.headers, ...headers }, ...init });
  }

  /** Sends an HTTP request and returns the status of the response. */
  async requestStatus(method: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await this.request(method, { headers });
    await response.body?.cancel();
    return response.status;
  }

  /** Opens a new session and returns the status of the response. */
  async openSession(): Promise<number> {
    this.sessionId = "";
    const clientInfo = { name: "client", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const response = await this.sendMessage({ id: 1, method: "initialize", params });
    await response.body?.cancel();
    this.sessionId = response.headers.get("mcp-session-id") ?? "";
    return response.status;
  }

  /**
   * Calls a gateway tool.
   *
   * @returns `"ok"`; the code of the refusal or JSON-RPC error; or the HTTP status, if it is not 200.
   */
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
