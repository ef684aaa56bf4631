import type { Authorization } from "../../../src/downstream/mod.ts";
import { openTransport, Processes } from "../../../src/downstream/mod.ts";
import type { HttpConfig } from "../../../src/config/mod.ts";
import { createLog } from "../../../src/log.ts";
import { DownstreamFixture, type FixtureOptions } from "../../contract/downstream_fixture.ts";

/** Options of a fixture with a remote server. */
export interface RemoteFixtureOptions extends Omit<FixtureOptions, "script"> {
  readonly kind?: HttpConfig["kind"];
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorization?: Authorization;
}

/** Creates a fixture whose downstream server is at a URL. */
export function createRemoteFixture(
  url: string,
  remote: RemoteFixtureOptions = {},
): DownstreamFixture {
  const { kind = "http", headers = {}, authorization, options, ...others } = remote;
  const processes = new Processes(0, createLog());
  return new DownstreamFixture({
    connect: () => ({ kind, url, headers }),
    open: (config, context) =>
      openTransport(config, {
        ...context,
        processes,
        authorization,
        memory: others.memory?.share("server files"),
      }),
    close: () => processes.close(),
    // Most tests count the requests of earlier revisions.
  }, { ...others, options: { protocol: "legacy", ...options } });
}
