import { join } from "node:path";
import { readBlocks, readPage } from "../../docs/page.ts";
import { nodePlatform } from "../npm_packages.ts";

/**
 * The gateway's tools that a headless client runs without approval and without additional settings: none, the two
 * that only read, or all.
 */
export type UnaskedTools = "nothing" | "reading" | "everything";

/** A client that can run headless. */
export interface ClientProgram {
  /** Name of the client, which is its heading in docs/clients.md. */
  readonly title: string;
  /** Packages to install from npm, the client itself first. */
  readonly packages: readonly string[];
  /** Path of the program in `node_modules`. */
  readonly program: string;
  /** Path of the settings file, relative to the home folder. */
  readonly settingsFile: string;
  /** Tools that the client runs without the settings for headless use in docs/clients.md. */
  readonly unaskedTools: UnaskedTools;
  /** Methods of the lists that the client requests by itself, in alphabetical order. */
  readonly requestedLists: readonly string[];
  /** Returns settings that connect the client to the model at this URL, in the format of its file. */
  settings(url: string, model: string): string;
  /** Returns environment variables that connect the client to the model at this URL. */
  env(url: string): Readonly<Record<string, string>>;
  /** Returns arguments with which the client answers one prompt and exits. */
  args(prompt: string): readonly string[];
}

/** The section of docs/clients.md about a client. */
export interface ClientPage {
  /** The client's entry for the gateway. */
  readonly entry: string;
  /** Additional settings in its file for headless use. */
  readonly headlessSettings: string;
  /** Arguments after the prompt for headless use. */
  readonly headlessWords: readonly string[];
}

const noSettings = (): string => "";

/** The clients, in the order of the page. */
export const CLIENTS: readonly ClientProgram[] = [
  {
    title: "Claude Code",
    packages: ["@anthropic-ai/claude-code@2.1.332"],
    program: `@anthropic-ai/claude-code-${nodePlatform()}/claude`,
    settingsFile: ".claude.json",
    unaskedTools: "nothing",
    requestedLists: ["prompts/list", "resources/list"],
    settings: noSettings,
    env: (url) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: "none",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    }),
    args: (prompt) => ["-p", prompt],
  },
  {
    title: "Codex",
    packages: ["@openai/codex@0.171.0"],
    program: ".bin/codex",
    settingsFile: ".codex/config.toml",
    unaskedTools: "reading",
    requestedLists: [],
    settings: (url, model) =>
      [
        `model = "${model}"`,
        'model_provider = "scripted"',
        "[model_providers.scripted]",
        'name = "scripted"',
        `base_url = "${url}/v1"`,
        'wire_api = "responses"',
      ].join("\n"),
    env: () => ({}),
    args: (prompt) => ["exec", "--skip-git-repo-check", prompt],
  },
  {
    title: "Gemini CLI",
    packages: ["@google/gemini-cli@0.61.0"],
    program: ".bin/gemini",
    settingsFile: ".gemini/settings.json",
    unaskedTools: "nothing",
    requestedLists: ["prompts/list", "resources/list"],
    settings: () =>
      JSON.stringify({
        security: { auth: { selectedType: "gemini-api-key" } },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false },
      }),
    env: (url) => ({ GEMINI_API_KEY: "none", GOOGLE_GEMINI_BASE_URL: url }),
    args: (prompt) => ["--skip-trust", "-m", "gemini-2.5-pro", "-p", prompt],
  },
  {
    title: "opencode",
    packages: ["opencode-ai@1.18.33"],
    program: `opencode-${nodePlatform()}/bin/opencode`,
    settingsFile: ".config/opencode/opencode.json",
    unaskedTools: "everything",
    requestedLists: [],
    settings: (url, model) => {
      const options = { baseURL: `${url}/v1`, apiKey: "none" };
      const provider = { npm: "@ai-sdk/openai-compatible", options, models: { [model]: {} } };
      return JSON.stringify({ model: `scripted/${model}`, provider: { scripted: provider } });
    },
    env: () => ({ OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" }),
    args: (prompt) => ["run", prompt],
  },
  {
    title: "Copilot CLI",
    packages: ["@github/copilot@1.0.102"],
    program: ".bin/copilot",
    settingsFile: ".copilot/mcp-config.json",
    unaskedTools: "reading",
    requestedLists: [],
    settings: noSettings,
    env: (url) => ({
      COPILOT_OFFLINE: "true",
      COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
      COPILOT_MODEL: "scripted",
    }),
    args: (prompt) => ["-p", prompt],
  },
];

/** Reads the section of docs/clients.md about a client. */
export function readClientPage(title: string): ClientPage {
  const page = "docs/clients.md";
  const [, pageFromTitle = ""] = readPage(page).split(`\n## ${title}\n`);
  const [section = ""] = pageFromTitle.split("\n## ");
  const blocks = readBlocks(page, section);
  const [entry = "", headlessSettings = ""] = blocks
    .filter(({ language, marks }) => /^(json|toml)$/.test(language) && !marks.includes("no-check"))
    .map(({ text }) => text);
  const command = blocks.find(({ language }) => language === "sh")?.text ?? "";
  const [, argsAfterPrompt = ""] = command.split('"…"');
  const headlessWords = [...argsAfterPrompt.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)]
    .map(([, double, single, bare]) => double ?? single ?? bare ?? "");
  return { entry, headlessSettings, headlessWords };
}

/** Joins settings into the text of a client's settings file. */
export function joinSettings(client: ClientProgram, settings: readonly string[]): string {
  const texts = settings.filter((text) => text !== "");
  if (client.settingsFile.endsWith(".toml")) return texts.join("\n");
  return JSON.stringify(Object.assign({}, ...texts.map((text) => JSON.parse(text))));
}

/** Returns the path of a client's program. */
export function programPath(client: ClientProgram, modules: string): string {
  return join(modules, client.program);
}
