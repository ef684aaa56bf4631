import type { Authorization } from "../../../src/downstream/mod.ts";
import { openTransport, Processes } from "../../../src/downstream/mod.ts";
import type { ConnectHttp } from "../../../src/config/mod.ts";
import { createLog } from "../../../src/log.ts";
import { Scene, type SceneOptions } from "../../contract/scene.ts";

/** Options of a remote server. */
export interface RemoteOptions extends Omit<SceneOptions, "script"> {
  readonly kind?: ConnectHttp["kind"];
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorization?: Authorization;
}

/** A downstream server of the gateway at a URL. */
export function remoteScene(url: string, remote: RemoteOptions = {}): Scene {
  const { kind = "http", headers = {}, authorization, ...options } = remote;
  const processes = new Processes(0, createLog());
  return new Scene({
    connect: () => ({ kind, url, headers }),
    open: (config, context) =>
      openTransport(config, {
        ...context,
        processes,
        authorization,
      }),
    close: () => processes.close(),
  }, options);
}
