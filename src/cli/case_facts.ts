import { type Configuration, suggestCorrection } from "../config/mod.ts";
import type { PolicyCase } from "../config/editing/mod.ts";
import type { CatalogStore } from "../downstream/mod.ts";
import type { ListedTool } from "../policy/mod.ts";
import { readRememberedItems, type RememberedItems } from "./remembered_items.ts";

/** The facts about servers that are known without starting them. */
export class CaseFacts {
  readonly #configuration: Configuration;
  readonly #catalogs: CatalogStore | undefined;
  readonly #items = new Map<string, Promise<RememberedItems>>();

  /** @param catalogs The remembered catalogs; `undefined` if the user has no folder for them. */
  constructor(configuration: Configuration, catalogs: CatalogStore | undefined) {
    this.#configuration = configuration;
    this.#catalogs = catalogs;
  }

  /** Returns a tool as its server listed it; `undefined` if no list is remembered, or if the tool is not in it. */
  async findTool(server: string, tool: string): Promise<ListedTool | undefined> {
    const { tools = [] } = await this.#itemsOf(server);
    return tools.find(({ name }) => name === tool)?.definition;
  }

  /** Returns a warning for each name of a case that is not known: such a case may pass because of a typing error. */
  async findUnknownNames({ agent, server, subject }: PolicyCase): Promise<string[]> {
    const { rules, servers, unavailableReasons } = this.#configuration;
    const warnings: string[] = [];
    const warn = (what: string, name: string, { where, known }: {
      readonly where: string;
      readonly known: Iterable<string>;
    }): void => {
      const message = `the ${what} ${JSON.stringify(name)} is not ${where}`;
      warnings.push(message + suggestCorrection(name, known));
    };
    if (!rules.agents.has(agent)) {
      warn("agent", agent, { where: "in the rules", known: rules.agents.keys() });
    }
    if (!servers.has(server)) {
      if (!unavailableReasons.has(server)) {
        warn("server", server, { where: "configured", known: servers.keys() });
      }
      return warnings;
    }
    const { tools, prompts } = await this.#itemsOf(server);
    const [kind, name, items] = "tool" in subject
      ? ["tool", subject.tool, tools] as const
      : "prompt" in subject
      ? ["prompt", subject.prompt, prompts] as const
      : ["resource", subject.resource, undefined] as const;
    if (items === undefined || items.some((item) => item.name === name)) return warnings;
    const where = `in the list that server ${JSON.stringify(server)} last gave`;
    warn(kind, name, { where, known: items.map((item) => item.name) });
    return warnings;
  }

  #itemsOf(server: string): Promise<RememberedItems> {
    let items = this.#items.get(server);
    if (items === undefined) {
      const config = this.#configuration.servers.get(server);
      items = config === undefined
        ? Promise.resolve({})
        : readRememberedItems(config, this.#catalogs);
      this.#items.set(server, items);
    }
    return items;
  }
}
