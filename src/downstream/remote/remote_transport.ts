import type { Patience, Transport } from "../transport.ts";
import type { RemoteChannel } from "./remote_channel.ts";
import type { Requests } from "./requests.ts";

/** A server that is reached over HTTP. */
export class RemoteTransport implements Transport {
  readonly channel: RemoteChannel;
  readonly #requests: Requests;
  #ending: Promise<void> | undefined;

  /**
   * Takes hold of both.
   *
   * @param channel Carries the messages.
   * @param requests Sends them; closed at the end.
   */
  constructor(channel: RemoteChannel, requests: Requests) {
    this.channel = channel;
    this.#requests = requests;
  }

  get hasSessionId(): boolean {
    return this.channel.hasSessionId;
  }

  negotiated(revision: string): void {
    this.channel.negotiated(revision);
  }

  /** What ended the session, as a sentence. */
  lastWords(): Promise<string> {
    const message = this.channel.failure?.message ?? "";
    return Promise.resolve(
      message === "" ? "" : `${message[0]?.toUpperCase()}${message.slice(1)}.`,
    );
  }

  kill(): void {
    void this.channel.close();
  }

  end({ inputMs }: Patience): Promise<void> {
    this.#ending ??= this.#end(inputMs);
    return this.#ending;
  }

  async #end(withinMs: number): Promise<void> {
    await this.channel.leave(withinMs);
    await this.#requests.close();
  }
}
