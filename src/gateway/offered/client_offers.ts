import type { Budget } from "../../budget.ts";
import type { Log } from "../../log.ts";
import { Links } from "./links.ts";
import { type ChangingList, ListChanges, notifiedList } from "./list_changes.ts";
import { ListReader } from "./list_reader.ts";
import { ClientSubscriptions } from "./client_subscriptions.ts";

/** Options of the offers to a client. */
export interface ClientOffersOptions {
  /** Notifies the client of a changed list; returns false if it does not read, and has to be notified later. */
  readonly notify: (list: ChangingList) => boolean;
  /** Returns the memory in which the links count; default: no limit. */
  readonly memory?: () => Budget;
  /** Receives the failures of servers. */
  readonly log: Log;
}

/** The links, subscriptions and lists of a client's connection. */
export class ClientOffers {
  /** The links that results have given to the client. */
  readonly links: Links;
  /** The subscriptions of the client. */
  readonly subscriptions: ClientSubscriptions = new ClientSubscriptions();
  /** Reads the lists of servers. */
  readonly lists: ListReader;
  /** Notifies the client of changed lists. */
  readonly changes: ListChanges;
  readonly #log: Log;
  #hasLoggedMissingAgent = false;

  /** Starts without links and subscriptions. */
  constructor({ notify, memory, log }: ClientOffersOptions) {
    this.#log = log;
    this.links = new Links(memory);
    this.changes = new ListChanges(notify);
    this.lists = new ListReader({
      onLateList: (kind) => this.changes.addChange(notifiedList(kind)),
      log,
    });
  }

  /**
   * Notes the result of a server: its links, and that the server is able to answer.
   *
   * @param server The server's name.
   * @param result The parsed result.
   */
  addResult(server: string, result: unknown): void {
    this.links.add(server, result);
    this.lists.announceRecovery(server);
  }

  /** Logs, once, that the client is offered nothing because its connection has no agent. */
  logMissingAgent(): void {
    if (this.#hasLoggedMissingAgent) return;
    this.#hasLoggedMissingAgent = true;
    this.#log.warn(
      "A client sees nothing that servers offer directly, because its connection has no agent: start the " +
        "gateway with --agent, give the client a credential, or allow calls without agent_id",
    );
  }

  /** Ends all that runs in the background, after the client has left. */
  close(): void {
    this.changes.close();
    this.lists.close();
    this.subscriptions.close();
    this.links.close();
  }
}
