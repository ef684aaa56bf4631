import { addOwnServer } from "../config/mod.ts";
import { listedOwnServer } from "../gateway/mod.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";
import { VERSION } from "../version.ts";

/** Adds the gateway's own server to a configuration, as a gateway does, if the configuration uses it. */
export function withOwnServer(opened: OpenedConfiguration): OpenedConfiguration {
  const { settings, configuration, log } = opened;
  const ownServer = listedOwnServer({ settings, version: VERSION, log });
  return { ...opened, configuration: addOwnServer(configuration, ownServer) };
}
