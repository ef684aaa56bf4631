import assert from "node:assert/strict";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";
import config from "../../deno.json" with { type: "json" };
import { permissionFlags, readPermissionFlags } from "../../scripts/permissions.ts";
import { listSettings } from "../../src/config/mod.ts";
import { checkText, readCases } from "../../src/config/editing/mod.ts";
import { formatProblem } from "../../src/errors.ts";
import { ROOT } from "../e2e/gateway_command.ts";
import { ERROR_CODES } from "./error_codes.ts";
import { type Block, positionOf } from "./page.ts";
import { assertShown, PageShell, type ScriptOutput } from "./page_shell.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Outputs of `--help` so far, by the arguments of the gateway. */
const HELP_OUTPUTS = new Map<string, ScriptOutput>();

/** Checks the blocks of a page in their order; throws at a block that is wrong or unknown. */
export class BlockChecker {
  readonly #shell: PageShell;
  #lastOutput: ScriptOutput | undefined;

  constructor(shell: PageShell) {
    this.#shell = shell;
  }

  /** Checks a block; returns whether it was checked completely or only in part. */
  async check(block: Block): Promise<"checked" | "in part"> {
    const { language, marks } = block;
    if (marks.includes("no-check")) return "in part";
    switch (language) {
      case "json":
      case "jsonc":
        await this.#checkJson(block);
        return "checked";
      case "sh":
        if (!marks.includes("no-run")) await this.#run(block);
        else await this.#checkCommands(block);
        return marks.includes("no-run") ? "in part" : "checked";
      case "ts":
        await this.#runCode(block);
        return "checked";
      case "text": {
        assert.ok(
          marks.includes("output"),
          `${positionOf(block)}: a text block needs the mark output`,
        );
        assert.ok(this.#lastOutput, `${positionOf(block)}: no block has run before`);
        assertShown(block.text, this.#lastOutput, this.#shell.setup.home);
        return "checked";
      }
      case "toml":
        await this.#checkToml(block);
        return "checked";
      case "yaml":
        parseYaml(block.text);
        return "checked";
      case "markdown":
        // The block is a prompt for an agent; it names the tools of the gateway.
        assert.match(block.text, /list_servers[^]*get_server_tools[^]*execute_tool/);
        return "checked";
      default:
        throw new Error(`${positionOf(block)}: a block in ${language || "no language"}`);
    }
  }

  /** Runs a script and checks its exit code. */
  async #run(block: Block): Promise<void> {
    const { text, marks } = block;
    this.#keepOutput(
      block,
      await (marks.includes("clone") ? this.#shell.runInClone(text) : this.#shell.run(text)),
    );
  }

  /** Runs code by `run_code`, as the agent that the block names, and checks the exit code. */
  async #runCode(block: Block): Promise<void> {
    const agent = readMark(block, "agent") ?? "";
    const args = ["gateway", "run_code", JSON.stringify({ code: block.text }), "--agent", agent];
    this.#keepOutput(block, await this.#shell.runProgram("agent-mcp-gateway", ["call", ...args]));
  }

  #keepOutput(block: Block, output: ScriptOutput): void {
    this.#lastOutput = output;
    const { code, stdout, stderr } = output;
    const exit = Number(readMark(block, "exit") ?? 0);
    assert.equal(code, exit, `${positionOf(block)}\n${stdout}\n${stderr}`);
  }

  /** Checks the commands, flags and tasks of a script without running it. */
  async #checkCommands({ text, ...block }: Block): Promise<void> {
    for (const line of commandLines(text)) {
      const task = /(?:^|\s)deno(?:@\S+)? task (?:--\S+ )*(\S+)/.exec(line)?.[1];
      if (task !== undefined) {
        assert.ok(task in config.tasks, `${positionOf({ text, ...block })}: ${task}`);
      }
      // The arguments of the gateway end at a pipe or a closing parenthesis.
      const [, words] = /(?:^|\$\(|<\(|\s)agent-mcp-gateway((?: [^|>)]*)?)/.exec(line) ?? [];
      if (
        words !== undefined && /^\s*(?:\S*\/)?agent-mcp-gateway|[(]agent-mcp-gateway/.test(line)
      ) {
        await this.#checkCommand(words.trim().split(/\s+/), positionOf({ text, ...block }));
      }
      const flags = readPermissionFlags(line);
      if (line.includes("src/main.ts")) assert.deepEqual(flags, permissionFlags(), line);
    }
  }

  /** Checks that the command in these words of a command line exists, and has their flags. */
  async #checkCommand(words: readonly string[], position: string): Promise<void> {
    const flags = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split("=")[0]);
    const flagIndex = words.findIndex((word) => word.startsWith("-"));
    const commandWords = words.slice(0, flagIndex < 0 ? words.length : flagIndex).filter((word) =>
      word !== ""
    );
    const commandPath = commandWords.slice(
      0,
      ["audit", "auth"].includes(commandWords[0] ?? "") ? 2 : 1,
    );
    const { stdout } = await this.#helpOf();
    const exists = commandPath.length === 0 ||
      new RegExp(`^ {2}${commandPath[0]} `, "m").test(stdout);
    assert.ok(exists, `${position}: there is no ${commandPath[0]}`);
    const help = await this.#helpOf(...commandPath);
    const serve = await this.#helpOf("serve");
    assert.equal(help.code, 0, `${position}: ${words.join(" ")}\n${help.stderr}`);
    const helpText = commandPath.length === 0 ? help.stdout + serve.stdout : help.stdout;
    for (const flag of flags) {
      assert.ok(helpText.includes(String(flag)), `${position}: ${words.join(" ")} has no ${flag}`);
    }
  }

  /** Returns the output of `--help` of a command. */
  async #helpOf(...commandPath: string[]): Promise<ScriptOutput> {
    const words = [...commandPath, "--help"];
    const output = HELP_OUTPUTS.get(words.join(" ")) ??
      await this.#shell.runProgram("agent-mcp-gateway", words);
    HELP_OUTPUTS.set(words.join(" "), output);
    return output;
  }

  /** Checks a JSON block. Its keys show which kind of JSON it is. */
  async #checkJson(block: Block): Promise<void> {
    const position = positionOf(block);
    const value = parseCommented(block.text, position);
    const servers = value["mcpServers"] ?? value["servers"] ?? value["mcp"];
    const entries = servers as JsonObject | undefined;
    const gatewayEntry = entries?.["gateway"] ?? entries?.["agent-mcp-gateway"];
    if (gatewayEntry !== undefined) {
      await this.#checkClientEntry(gatewayEntry as JsonObject, position);
    } else if ("mcpServers" in value) {
      this.#checkFile("servers", block);
    } else if ("agents" in value) {
      this.#checkFile("rules", block);
    } else if ("cases" in value) {
      readCases({ file: position, text: block.text });
      this.#shell.writeGatewayFile(".mcp-gateway-tests.json", block.text);
    } else if ("command" in value || "url" in value) {
      // The page shows a single entry without its file.
      const text = JSON.stringify({ mcpServers: { one: value } });
      assert.deepEqual(checkText("servers", { file: position, text }).map(formatProblem), []);
    } else if ("error" in value) {
      const { code } = value["error"] as { code: string };
      assert.ok(ERROR_CODES.includes(code), `${position}: ${code}`);
    } else {
      throw new Error(
        `${position}: neither servers, a server, rules, cases, a client's entry nor an error`,
      );
    }
  }

  /** Checks a configuration of Codex. The gateway is started only if its entry has a command. */
  async #checkToml(block: Block): Promise<void> {
    const { mcp_servers: servers } = parseToml(block.text) as JsonObject;
    const entry = (servers as JsonObject | undefined)?.["gateway"] as JsonObject | undefined;
    assert.ok(entry, `${positionOf(block)}: no entry of the gateway`);
    if ("command" in entry) await this.#checkClientEntry(entry, positionOf(block));
  }

  /** Checks one of the two files, and writes it for the commands that follow. */
  #checkFile(kind: "servers" | "rules", { text, ...block }: Block): void {
    const problems = checkText(kind, { file: positionOf({ text, ...block }), text }).map(
      formatProblem,
    );
    assert.deepEqual(problems, []);
    this.#shell.writeGatewayFile(
      kind === "servers" ? ".mcp.json" : ".mcp-gateway-rules.json",
      text,
    );
  }

  /** Starts the gateway as a client with this entry does. */
  async #checkClientEntry(entry: JsonObject, position: string): Promise<void> {
    const { command: commandOrWords, args: moreArgs = [], env = {}, ...otherKeys } = entry as {
      command: string | string[];
      args?: string[];
      env?: Record<string, string>;
    };
    const [command = "", ...args] = [commandOrWords, moreArgs].flat();
    for (const key of Object.keys(otherKeys)) {
      assert.ok(["type", "alwaysLoad", "enabled", "tools"].includes(key), `${position}: ${key}`);
    }
    const knownVariables = listSettings().map(({ variable }) => variable);
    for (const name of Object.keys(env)) {
      if (name.startsWith("GATEWAY_")) {
        assert.ok(knownVariables.includes(name), `${position}: ${name}`);
      }
    }
    // Some pages show the entry before they show the two files.
    this.#shell.writeMissingFiles();
    const { home, env: shellEnv } = this.#shell.setup;
    const words = [command, ...args].map((word) =>
      word.replace(/^\/path\/to\/agent-mcp-gateway\/(?=src\/)/, ROOT)
        .replace(/^\/path\/to\/agent-mcp-gateway$/, "agent-mcp-gateway")
        .replace(/^\/home\/you(?=\/)/, home)
    );
    if (words.some((word) => word === join(ROOT, "src/main.ts"))) {
      const denoWords = words.slice(0, words.indexOf(join(ROOT, "src/main.ts")));
      assert.deepEqual(readPermissionFlags(denoWords.join(" ")), permissionFlags(), position);
    }
    const originalEnv = { ...shellEnv };
    Object.assign(shellEnv, env);
    const [program = "", ...programArgs] = words;
    const { code, stderr } = await this.#shell.runProgram(program, programArgs);
    for (const name of Object.keys(env)) delete shellEnv[name];
    Object.assign(shellEnv, originalEnv);
    assert.equal(code, 0, `${position}\n${stderr}`);
  }
}

/** Returns the value of a mark such as `exit=3`. */
function readMark({ marks }: Block, name: string): string | undefined {
  return marks.find((mark) => mark.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Returns the commands of a script. A line that ends in a backslash is joined with the next. */
export function commandLines(text: string): string[] {
  return text.replace(/\\\n\s*/g, " ").split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** Parses JSON with line comments. */
function parseCommented(text: string, position: string): JsonObject {
  // This is enough to recognize the kind of the block; the gateway's own parser checks the block.
  const plain = text.replace(/^\s*\/\/.*$|(?<=[,{[\]}]) +\/\/.*$/gm, "");
  try {
    return JSON.parse(plain);
  } catch (error) {
    throw new Error(`${position}: ${error instanceof Error ? error.message : error}`);
  }
}
