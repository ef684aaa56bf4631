import { join } from "node:path";
import {
  AGENT,
  formatToolCall,
  type MeasuredProgram,
  type WorkspaceFiles,
} from "./measured_programs.ts";
import { mapCall, type Mapping, MAPPINGS, readMapping } from "./mappings.ts";
import { fillPlaceholders, fillText, splitCommand } from "./placeholders.ts";

/** A `--peer` with the `--mapping` that follows it. */
export interface PeerOption {
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
export function pairPeerOptions(tokens: readonly Token[]): PeerOption[] {
  const options: PeerOption[] = [];
  for (const { kind, name, value } of tokens) {
    if (kind !== "option" || value === undefined) continue;
    if (name === "peer") options.push({ peer: value });
    if (name !== "mapping") continue;
    const lastOption = options.pop();
    if (lastOption === undefined || lastOption.mapping !== undefined) {
      throw new Error(
        `--mapping ${value} must follow a --peer: write --peer "COMMAND" --mapping …`,
      );
    }
    options.push({ ...lastOption, mapping: value });
  }
  return options;
}

/**
 * Returns the gateways to measure. Without `--mapping`, `--peer` names a mapping or a file with a mapping.
 * With `--mapping`, which names the mapping, `--peer` is a command.
 *
 * @param addError Receives the message about a gateway that cannot be measured and is left out.
 */
export function readOtherGateways(
  options: readonly PeerOption[],
  addError: (message: string) => void,
): MeasuredProgram[] {
  const otherGateways: MeasuredProgram[] = [];
  for (const { peer, mapping: source } of options) {
    try {
      const mapping = source === undefined ? readNamedMapping(peer) : readMapping(source);
      const command = source === undefined ? mapping.command : peer;
      // Two gateways with the same name would share a row in the table.
      const namesakes = otherGateways.filter(({ name }) =>
        name.replace(/ \(\d+\)$/, "") === mapping.name
      );
      const name = namesakes.length === 0
        ? mapping.name
        : `${mapping.name} (${namesakes.length + 1})`;
      otherGateways.push(describeOtherGateway({ ...mapping, name, command }));
    } catch (error) {
      addError(error instanceof Error ? error.message : String(error));
    }
  }
  return otherGateways;
}

function readNamedMapping(peer: string): Mapping {
  if (Object.hasOwn(MAPPINGS, peer) || peer.endsWith(".json")) return readMapping(peer);
  throw new Error(
    `Cannot measure the gateway "${peer}": it is not one of ${Object.keys(MAPPINGS).join(", ")}. ` +
      `A command needs a --mapping after it, with one of these names or a file such as peer.json`,
  );
}

/** Describes another gateway, which speaks MCP on standard input and output, for the measurements. */
export function describeOtherGateway(mapping: Mapping): MeasuredProgram {
  const { command: commandLine } = mapping;
  if (commandLine === undefined) {
    throw new Error(`Cannot measure "${mapping.name}": there is no "command" in its mapping`);
  }
  return {
    name: mapping.name,
    kind: "other",
    command: (workspace) => {
      writeFiles(mapping, workspace);
      return splitCommand(commandLine).map((word) => fillText(word, { ...workspace }));
    },
    env: (workspace) => {
      return fillPlaceholders(mapping.env ?? {}, { ...workspace }) as Record<string, string>;
    },
    formatCall: (tool, args, agent = AGENT) => {
      return formatToolCall(mapCall(mapping, { agent, server: "echo", tool, args }));
    },
  };
}

function writeFiles({ files = {} }: Mapping, workspace: WorkspaceFiles): void {
  for (const [name, content] of Object.entries(files)) {
    const text = JSON.stringify(fillPlaceholders(content, { ...workspace }));
    Deno.writeTextFileSync(join(workspace.folder, name), text);
  }
}
