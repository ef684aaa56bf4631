import { join } from "node:path";
import { AGENT, callTool, type Contestant, type SceneFiles } from "./contestants.ts";
import { mapCall, type Mapping, MAPPINGS, readMapping } from "./mappings.ts";
import { fill, fillText, splitCommand } from "./places.ts";

/** What `--peer` and the `--mapping` that follows it say. */
export interface AskedPeer {
  readonly peer: string;
  readonly mapping?: string | undefined;
}

/** An option of the command line, as `parseArgs` tells it. */
interface Token {
  readonly kind: string;
  readonly name?: string | undefined;
  readonly value?: string | undefined;
}

/** Joins every `--peer` with the `--mapping` that follows it. */
export function pairPeers(tokens: readonly Token[]): AskedPeer[] {
  const asked: AskedPeer[] = [];
  for (const { kind, name, value } of tokens) {
    if (kind !== "option" || value === undefined) continue;
    if (name === "peer") asked.push({ peer: value });
    if (name !== "mapping") continue;
    const last = asked.pop();
    if (last === undefined || last.mapping !== undefined) {
      throw new Error(`--mapping ${value} follows no --peer: write --peer "COMMAND" --mapping …`);
    }
    asked.push({ ...last, mapping: value });
  }
  return asked;
}

/**
 * Gives what is to be measured: a mapping by its own command where `--peer` names it or its file,
 * or any other command by the mapping that is named.
 *
 * @param refuse Takes what is wrong with a peer, which is left out.
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
      // Two of one name would be one in the table.
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
    `Cannot measure the peer "${peer}": it is none of ${Object.keys(MAPPINGS).join(", ")}. ` +
      `A command needs --mapping after it, with one of these names or a file such as peer.json`,
  );
}

/** Another gateway that speaks MCP on standard input and output. */
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
      const places = { ...scene };
      return fill(mapping.env ?? {}, places) as Record<string, string>;
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
