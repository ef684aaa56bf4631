import assert from "node:assert/strict";
import { checkHeaders } from "../../../src/gateway/http/stateless_headers.ts";

const REVISION = "2026-07-28";

/** Checks a request with the given headers; returns the name of the header at fault. */
function faultOf(
  method: string,
  params: unknown,
  headers: Readonly<Record<string, string>>,
  claim: unknown = REVISION,
): string | undefined {
  const problem = checkHeaders({ method, params }, { claim, header: (name) => headers[name] });
  return problem === undefined ? undefined : /The header (\S+)/.exec(problem)?.[1];
}

Deno.test("[eras.http-headers] the version, the method and the name in the headers must be those of the body", () => {
  const headers = { "mcp-protocol-version": REVISION, "mcp-method": "tools/call", "mcp-name": "a" };
  const named = { name: "a" };
  assert.equal(faultOf("tools/call", named, headers), undefined);
  assert.equal(faultOf("tools/list", named, headers), "Mcp-Method");
  assert.equal(faultOf("Tools/Call", named, headers), "Mcp-Method");
  assert.equal(faultOf("tools/call", { name: "b" }, headers), "Mcp-Name");
  assert.equal(faultOf("tools/call", { name: "A" }, headers), "Mcp-Name");
  for (const missing of ["mcp-protocol-version", "mcp-method", "mcp-name"]) {
    const rest = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== missing));
    assert.equal(faultOf("tools/call", named, rest)?.toLowerCase(), missing);
  }
  const other = { ...headers, "mcp-protocol-version": "2025-11-25" };
  assert.equal(faultOf("tools/call", named, other), "MCP-Protocol-Version");
  assert.equal(faultOf("tools/call", named, headers, "2027-01-01"), "MCP-Protocol-Version");
});

Deno.test("[eras.http-headers] the headers of another revision are not compared, nor is a version that is no string", () => {
  const headers = { "mcp-protocol-version": "2027-01-01" };
  assert.equal(faultOf("tools/call", { name: "a" }, headers, "2027-01-01"), undefined);
  assert.equal(faultOf("tools/call", { name: "a" }, headers, 7), undefined);
});

Deno.test("[eras.http-headers] only requests with a name or a URI need the header with it", () => {
  const headers = { "mcp-protocol-version": REVISION };
  for (
    const [method, params, isNamed] of [
      ["tools/call", { name: "a" }, true],
      ["prompts/get", { name: "a" }, true],
      ["resources/read", { uri: "a" }, true],
      ["resources/read", { name: "a" }, false],
      ["tools/call", { name: 7 }, false],
      ["tools/call", [], false],
      ["completion/complete", { name: "a" }, false],
      ["constructor", { name: "a" }, false],
    ] as const
  ) {
    const sent = { ...headers, "mcp-method": method };
    assert.equal(faultOf(method, params, sent), isNamed ? "Mcp-Name" : undefined, method);
    assert.equal(faultOf(method, params, { ...sent, "mcp-name": "a" }), undefined, method);
  }
});

Deno.test("[eras.http-headers] an encoded name is decoded; a malformed one matches nothing", () => {
  const encode = (text: string): string => {
    return `=?base64?${new TextEncoder().encode(text).toBase64()}?=`;
  };
  const isAccepted = (name: string, header: string): boolean => {
    const headers = {
      "mcp-protocol-version": REVISION,
      "mcp-method": "tools/call",
      "mcp-name": header,
    };
    return faultOf("tools/call", { name }, headers) === undefined;
  };
  for (const name of ["Wetter für Köln", " a ", "=?base64?YQ==?=", "", "\ufeffa", "a\nb", "😀"]) {
    assert.equal(isAccepted(name, encode(name)), true, name);
  }
  // Base64 that is not padded, not canonical, not base64, or not of UTF-8.
  for (
    const header of ["=?base64?YQ?=", "=?base64?Y Q==?=", "=?base64?Y===?=", "=?base64?/w==?="]
  ) {
    assert.equal(isAccepted("a", header), false, header);
    assert.equal(isAccepted(header, header), false, header);
  }
  // These texts are not encoded.
  for (const name of ["=?base64?YQ==", "base64?YQ==?=", "=?BASE64?YQ==?=", "=?="]) {
    assert.equal(isAccepted(name, name), true, name);
  }
});
