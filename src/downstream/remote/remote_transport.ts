import type { GracePeriods, Transport } from "../transport.ts";
import type { HttpRequester } from "./http_requester.ts";
import type { RemoteChannel } from "./remote_channel.ts";

/** The transport to a server over HTTP. */
export class RemoteTransport implements Transport {
  readonly channel: RemoteChannel;
  readonly #requester: HttpRequester;
  #ending: Promise<void> | undefined;

  /**
   * @param channel Carries the messages.
   * @param requester Sends them; closed at the end.
   */
  constructor(channel: RemoteChannel, requester: HttpRequester) {
    this.channel = channel;
    this.#requester = requester;
  }

  get hasSessionId(): boolean {
    return this.channel.hasSessionId;
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.channel.setHeaders(headers);
  }

  /** The reason why the session ended, as a sentence. */
  lastWords(): Promise<string> {
    const message = this.channel.failure?.message ?? "";
    return Promise.resolve(
      message === "" ? "" : `${message[0]?.toUpperCase()}${message.slice(1)}.`,
    );
  }

  kill(): void {
    void this.channel.close();
  }

  end({ inputMs }: GracePeriods): Promise<void> {
    this.#ending ??= this.#end(inputMs);
    return this.#ending;
  }

  async #end(withinMs: number): Promise<void> {
    await this.channel.leave(withinMs);
    this.#requester.close();
  }
}
