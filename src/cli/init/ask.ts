import type { Readable, Writable } from "node:stream";
import { agentIdShape, isAgentId } from "../../config/mod.ts";
import type { ClientFile } from "./find_servers.ts";
import { describeServer, type NamedServer, type ServerVersion } from "./merge_servers.ts";
import type { Access, AgentPlan, ClientPlan, Plan } from "./plan.ts";
import { ACCESS_LABELS } from "./rules_text.ts";

/** Where questions are asked and answered. */
export interface Terminal {
  /** Where keys come from. */
  readonly input: Readable;
  /** Where questions are shown. */
  readonly output: Writable;
}

/** What there is to ask about. */
export interface Questions {
  /** Servers to choose from. */
  readonly servers: readonly NamedServer[];
  /** Names of servers that the gateway has already. */
  readonly kept: readonly string[];
  /** Clients' own files that can get the gateway's entry. */
  readonly files: readonly ClientFile[];
  /** Whether servers of the working folder are offered as chosen. */
  readonly trustsFolder: boolean;
  /** The agent's name that is offered. */
  readonly agent: string;
  /** The files that are always written, for people. */
  readonly own: readonly string[];
}

/** Thrown where somebody would rather not. */
class Cancelled extends Error {}

/**
 * Asks what to write; nothing is written meanwhile.
 *
 * @returns undefined where it was cancelled.
 */
export async function askPlan(
  questions: Questions,
  terminal: Terminal,
): Promise<Plan | undefined> {
  const asker = await Asker.open(terminal);
  try {
    return await asker.askPlan(questions);
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error;
    return undefined;
  } finally {
    asker.close();
  }
}

/** Asks a yes or a no; a cancelled question is a no. */
export async function askYes(message: string, terminal: Terminal): Promise<boolean> {
  const asker = await Asker.open(terminal);
  try {
    return await asker.confirm(message, false);
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error;
    return false;
  } finally {
    asker.close();
  }
}

class Asker {
  readonly #clack: typeof import("@clack/prompts");
  readonly #terminal: Terminal;
  readonly #end = new AbortController();
  readonly #stop = () => this.#end.abort();
  // It ends the line reader below the questions, which would then wait for ever.
  readonly #stopAtEnd = (_: unknown, key?: { readonly ctrl?: boolean; readonly name?: string }) => {
    if (key?.ctrl === true && key.name === "d") this.#stop();
  };

  static async open(terminal: Terminal): Promise<Asker> {
    // Loaded here only: no other command has questions.
    return new Asker(await import("@clack/prompts"), terminal);
  }

  constructor(clack: typeof import("@clack/prompts"), terminal: Terminal) {
    this.#clack = clack;
    this.#terminal = terminal;
    // Where the input ends, no answer will come.
    terminal.input.once("end", this.#stop).once("close", this.#stop);
    terminal.input.on("keypress", this.#stopAtEnd);
  }

  close(): void {
    this.#terminal.input.off("end", this.#stop).off("close", this.#stop);
    this.#terminal.input.off("keypress", this.#stopAtEnd);
  }

  async askPlan(questions: Questions): Promise<Plan> {
    this.#clack.intro("Agent MCP Gateway", this.#streams());
    const servers = await this.#askServers(questions);
    const names = [...questions.kept, ...servers.map(({ server }) => server.name)];
    const agents = await this.#askAgents(names, questions.agent);
    const clients = await this.#askClients(servers, questions.files);
    const paths = [...questions.own, ...clients.map(({ file }) => file.shown)];
    const isSure = await this.confirm(`Write ${paths.join(", ")}?`, true);
    if (!isSure) throw new Cancelled();
    return { servers, agents, clients };
  }

  async #askServers({ servers, trustsFolder }: Questions): Promise<ServerVersion[]> {
    if (servers.length === 0) return [];
    const isOffered = ({ versions: [first] }: NamedServer) =>
      first !== undefined && first.server.entry.disabled !== true &&
      (first.server.file.scope === "user" || trustsFolder);
    const chosen = await this.#answer(this.#clack.multiselect({
      message: "Which servers shall go behind the gateway?",
      options: servers.map(({ name, versions }) => ({
        value: name,
        label: name,
        hint: versions.map(({ server }) => describeServer(server)).join("; "),
      })),
      initialValues: servers.filter(isOffered).map(({ name }) => name),
      required: false,
      ...this.#streams(),
    }));
    const versions: ServerVersion[] = [];
    for (const server of servers.filter(({ name }) => chosen.includes(name))) {
      versions.push(await this.#askVersion(server));
    }
    return versions;
  }

  async #askVersion({ name, versions }: NamedServer): Promise<ServerVersion> {
    const [first] = versions;
    if (first === undefined) throw new Error(`server ${name} has no entry`);
    if (versions.length === 1) return first;
    const index = await this.#answer(this.#clack.select({
      message: `There are ${versions.length} servers named ${name}. Which one?`,
      options: versions.map(({ server }, value) => ({ value, label: describeServer(server) })),
      ...this.#streams(),
    }));
    return versions[index] ?? first;
  }

  async #askAgents(servers: readonly string[], offered: string): Promise<AgentPlan[]> {
    const text = await this.#answer(this.#clack.text({
      message: "Which agents will use it? One name, or several with commas between",
      initialValue: offered,
      validate: (value) => {
        const names = splitNames(value ?? "");
        if (names.length === 0) return "At least one agent needs a name";
        const bad = names.find((name) => !isAgentId(name));
        return bad === undefined ? undefined : `${bad} is no agent name: expected ${agentIdShape}`;
      },
      ...this.#streams(),
    }));
    const names = splitNames(text);
    const agents: AgentPlan[] = [];
    for (const name of names) {
      const allowed = names.length === 1 || servers.length === 0
        ? servers
        : await this.#answer(this.#clack.multiselect({
          message: `Which servers may ${name} use?`,
          options: servers.map((value) => ({ value, label: value })),
          initialValues: [...servers],
          required: false,
          ...this.#streams(),
        }));
      const access = allowed.length === 0 ? "all" : await this.#answer(this.#clack.select<Access>({
        message: `Which tools may ${name} call?`,
        options: (["all", "careful", "read"] as const).map((value) => ({
          value,
          label: ACCESS_LABELS[value],
        })),
        ...this.#streams(),
      }));
      agents.push({ name, servers: allowed, access });
    }
    return agents;
  }

  async #askClients(
    servers: readonly ServerVersion[],
    files: readonly ClientFile[],
  ): Promise<ClientPlan[]> {
    if (files.length === 0) return [];
    const moved = (file: ClientFile) =>
      servers.flatMap(({ places }) => places).filter((place) => place.file.path === file.path);
    const chosen = await this.#answer(this.#clack.multiselect({
      message: "Into which clients shall the gateway be written? (a backup is kept)",
      options: files.map(({ path, title, shown }) => ({ value: path, label: title, hint: shown })),
      initialValues: files.filter((file) => moved(file).length > 0).map(({ path }) => path),
      required: false,
      ...this.#streams(),
    }));
    const into = files.filter(({ path }) => chosen.includes(path));
    const count = into.flatMap(moved).length;
    const takeOut = count > 0 && await this.#answer(this.#clack.select({
      message: "What becomes of the servers that stand there already?",
      options: [
        {
          value: true,
          label: `Take ${count === 1 ? "it" : `the ${count}`} out: they go on behind the gateway`,
          hint: "saves the context, and the rules hold; init --undo puts them back",
        },
        {
          value: false,
          label: "Leave them beside the gateway",
          hint: "their tools still fill the context, and no rule holds for them",
        },
      ],
      ...this.#streams(),
    }));
    return into.map((file) => ({ file, takeOut: takeOut && moved(file).length > 0 }));
  }

  async confirm(message: string, initialValue: boolean): Promise<boolean> {
    return await this.#answer(
      this.#clack.confirm({ message, initialValue, ...this.#streams() }),
    );
  }

  #streams(): Terminal & { readonly signal: AbortSignal } {
    return { ...this.#terminal, signal: this.#end.signal };
  }

  async #answer<T>(question: Promise<T>): Promise<Exclude<T, symbol>> {
    const answer = await question;
    if (typeof answer === "symbol") throw new Cancelled();
    return answer as Exclude<T, symbol>;
  }
}

function splitNames(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}
