/**
 * The command that the official conformance suite runs as its client: `deno run relay.ts DRIVER URL`. It asks
 * the test, at the address DRIVER, to run the gateway, because the test has already loaded all that this takes.
 * It prints the refusal of a call and exits with 1, as some scenarios expect.
 */
const [driver = "", url = ""] = Deno.args;
const context = JSON.parse(Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}");
const body = JSON.stringify({ scenario: Deno.env.get("MCP_CONFORMANCE_SCENARIO"), url, context });
const response = await fetch(driver, { method: "POST", body });
const refusal = await response.text();
if (refusal !== "") {
  Deno.stderr.writeSync(new TextEncoder().encode(refusal));
  Deno.exitCode = 1;
}
