import type { Fields } from "../../e2e/raw_client.ts";

const PREFIX = "io.modelcontextprotocol/";

/** Returns the `_meta` of a request of revision 2026-07-28. */
export function claim({ capabilities = {}, logLevel, ...others }: {
  readonly capabilities?: unknown;
  readonly logLevel?: unknown;
  readonly [key: string]: unknown;
} = {}): Fields {
  return {
    [`${PREFIX}protocolVersion`]: "2026-07-28",
    [`${PREFIX}clientInfo`]: { name: "stateless", version: "1" },
    [`${PREFIX}clientCapabilities`]: capabilities,
    ...(logLevel === undefined ? {} : { [`${PREFIX}logLevel`]: logLevel }),
    ...others,
  };
}

/** Returns the gateway's description of itself in the `_meta` of a result. */
export function serverInfo(result: Fields | undefined): unknown {
  return (result?._meta as Fields | undefined)?.[`${PREFIX}serverInfo`];
}
