import { join } from "node:path";
import { AGENT, callTool, type Contestant, type SceneFiles } from "./contestants.ts";
import { mapCall, type Mapping, MAPPINGS, readMapping } from "./mappings.ts";
import { fill, fillText, splitCommand } from "./placeholders.ts";

/** A `--peer` with the `--mapping` that follows it. */
export interface AskedPeer {
  readonly peer: string;
  readonly mapping?: string | undefined;
}

/** A token of the command line from `parseArgs`. */
interface Token {
  readonly kind: string;
  readonly name?: string | undefined;
  readonly value?: string | undefined;
}

/** Pairs every `--peer` with the `--mapping` that follows it. */
export function pairPeers(tokens: readonly Token[]): AskedPeer[] {
  const asked: AskedPeer[] = [];
  for (const { kind, name, value } of tokens) {
    if (kind !== "option" || value === undefined) continue;
    if (name === "peer") asked.push({ peer: value });
    if (name !== "mapping") continue;
    const last = asked.pop();
    if (last === undefined || last.mapping !== undefined) {
      throw new Error(
        `--mapping ${value} must follow a --peer: write --peer "COMMAND" --mapping …`,
      );
    }
    asked.push({ ...last, mapping: value });
  }
  return asked;
}

/**
 * Returns the gateways to measure. `--peer` names a mapping or its file, or a command for the mapping
 * that `--mapping` names.
 *
 * @param refuse Receives the error of a peer, which is left out.
 */
export function readPeers(
  asked: readonly AskedPeer[],
  refuse: (message: string) => void,
): Contestant[] {
  const peers: Contestant[] = [];
  for (const { peer, mapping: source } of asked) {
    try {
      const mapping = source === undefined ? readNamed(peer) : readMapping(source);
      const command = source === undefined ? mapping.command : peer;
      // Two peers with the same name would share a row in the table.
      const same = peers.filter(({ name }) => name.replace(/ \(\d+\)$/, "") === mapping.name);
      const name = same.length === 0 ? mapping.name : `${mapping.name} (${same.length + 1})`;
      peers.push(describePeer({ ...mapping, name, command }));
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error));
    }
  }
  return peers;
}

function readNamed(peer: string): Mapping {
  if (Object.hasOwn(MAPPINGS, peer) || peer.endsWith(".json")) return readMapping(peer);
  throw new Error(
    `Cannot measure the peer "${peer}": it is not one of ${Object.keys(MAPPINGS).join(", ")}. ` +
      `A command needs a --mapping after it, with one of these names or a file such as peer.json`,
  );
}

/** Makes a contestant of a gateway that speaks MCP on standard input and output. */
export function describePeer(mapping: Mapping): Contestant {
  const { command: line } = mapping;
  if (line === undefined) {
    throw new Error(`Cannot measure "${mapping.name}": there is no "command" in its mapping`);
  }
  return {
    name: mapping.name,
    kind: "peer",
    command: (scene) => {
      writeFiles(mapping, scene);
      return splitCommand(line).map((word) => fillText(word, { ...scene }));
    },
    env: (scene) => {
      return fill(mapping.env ?? {}, { ...scene }) as Record<string, string>;
    },
    call: (tool, args, agent = AGENT) => {
      return callTool(mapCall(mapping, { agent, server: "echo", tool, args }));
    },
  };
}

function writeFiles({ files = {} }: Mapping, scene: SceneFiles): void {
  for (const [name, content] of Object.entries(files)) {
    const text = JSON.stringify(fill(content, { ...scene }));
    Deno.writeTextFileSync(join(scene.folder, name), text);
  }
}
