import { commandLines } from "./check_block.ts";
import type { Block } from "./page.ts";

/**
 * The blocks of the pages that are not checked completely. A `no-run` script asks questions, waits, installs, builds, or
 * needs something that a test does not have; the tests check only its commands, flags and tasks. A `no-check`
 * block is not checked.
 */
export const UNCHECKED: readonly string[] = [
  "README.md: sh no-run: npx -y deno@2.9.6 task install && agent-mcp-gateway init",
  "CONTRIBUTING.md: sh no-run: npx -y deno@2.9.6 task test tests/policy/policy_test.ts",
  "CONTRIBUTING.md: sh no-run: npx -y deno@2.9.6 task test",
  "CONTRIBUTING.md: sh no-run: GOLDEN=write npx -y deno@2.9.6 task test tests/config/golden",
  'docs/clients.md: sh no-run: claude -p "…" --allowedTools "mcp__gateway"',
  'docs/clients.md: json no-check: { "permissions": { "allow": ["mcp__gateway"] } }',
  'docs/clients.md: sh no-run: gemini -p "…" --allowed-mcp-server-names gateway',
  "docs/approvals.md: sh no-run: agent-mcp-gateway approvals --watch",
  "docs/approvals.md: json no-check: {",
  "docs/clients.md: sh no-run: copilot -p \"…\" --allow-tool 'gateway(execute_tool)'",
  'docs/clients.md: python no-check: async with MultiServerMCPClient({"gateway": entry}).session(',
  "docs/configuration.md: sh no-run: agent-mcp-gateway validate",
  "docs/configuration.md: sh no-run: agent-mcp-gateway trust",
  "docs/configuration.md: sh no-run: agent-mcp-gateway --agent researcher --log-level debug --aud",
  "docs/configuration.md: sh no-run: agent-mcp-gateway refresh",
  "docs/configuration.md: sh no-run: agent-mcp-gateway audit stats --since 1h",
  "docs/developing.md: text no-check: src/main.ts              starts a command, or a relay, and s",
  "docs/getting-started.md: sh no-run: npx -y deno@2.9.6 task install",
  "docs/getting-started.md: sh no-run: npx -y deno@2.9.6 task install --prefix ~/.local",
  "docs/install.md: sh no-run: npx -y deno@2.9.6 task install",
  "docs/install.md: sh no-run: npm install --global ./agent-mcp-gateway-0.1.0.tgz",
  "docs/install.md: sh no-run: claude mcp add --scope user gateway --  deno run --no-prompt",
  "docs/install.md: sh no-run: npx @modelcontextprotocol/inspector deno run --no-prompt --a",
  "docs/install.md: sh no-run: agent-mcp-gateway init --undo",
  "docs/migrating.md: sh no-run: agent-mcp-gateway validate --mcp-config .mcp.json --rules .m",
  "docs/oauth.md: sh no-run: agent-mcp-gateway auth login notes",
  "docs/oauth.md: json no-check: {",
  "docs/performance.md: sh no-run: agent-mcp-gateway savings",
  "docs/performance.md: sh no-run: npm install --ignore-scripts @modelcontextprotocol/server-ev",
  "docs/performance.md: sh no-run: deno task bench",
  "docs/performance.md: sh no-run: deno task bench --peer mcp-hub-mcp --peer mcporter --peer ag",
  "docs/performance.md: json no-check: {",
  "docs/revisions.md: json no-check: {",
  "docs/revisions.md: json no-check: {",
  "docs/revisions.md: json no-check: {",
  'docs/security.md: sh no-run: eval "deno run $(agent-mcp-gateway permissions --shell) dist',
  'docs/security.md: sh no-run: package="$(npm root --global)/agent-mcp-gateway"',
  "docs/security.md: sh no-run: agent-mcp-gateway audit stats --since 1d",
  "docs/sharing.md: json no-check: {",
  "docs/sharing.md: sh no-run: agent-mcp-gateway ps",
  "docs/sharing.md: text no-check: 3e3b61f9  version 0.1.0, process 25265, since 2026-12-01 00:",
  "docs/tools.md: text no-check: agent ──> MCP client ──stdio──> Agent MCP Gateway ──stdio──>",
  "docs/tools.md: text no-check: type Node = {name: string, children?: Node[]}",
  "docs/tools.md: json no-check: {",
  "docs/troubleshooting.md: sh no-run: agent-mcp-gateway validate",
];

/** Returns the name under which `UNCHECKED` lists a block. */
export function blockName({ page, language, marks, text }: Block): string {
  const [firstCommand = ""] = commandLines(text);
  return `${page}: ${[language, ...marks].join(" ")}: ${firstCommand.slice(0, 60)}`;
}
