import { usesOwnServer } from "../config/mod.ts";
import { listedOwnServer } from "../gateway/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";
import { VERSION } from "./version.ts";

/** Adds the gateway's own server after those of the servers file, as a gateway does, if it is of use. */
export function withOwnServer(opened: OpenedConfiguration): OpenedConfiguration {
  const { settings, configuration, log } = opened;
  if (!usesOwnServer(configuration)) return opened;
  const ownServer = listedOwnServer({ settings, version: VERSION, log });
  const servers = new Map([...configuration.servers, [OWN_SERVER, ownServer]]);
  return { ...opened, configuration: { ...configuration, servers } };
}
