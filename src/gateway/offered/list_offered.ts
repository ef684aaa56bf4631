import type { Item } from "../../downstream/mod.ts";
import { withValue } from "../../jsonrpc/mod.ts";
import type { AccessRequest } from "../../policy/mod.ts";
import type { Listing } from "../operation.ts";
import { createStepRunner, type GatewayAnswer } from "../tools/mod.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import type { SearchContext } from "./find_resource.ts";
import { type OfferedItem, readPage } from "./merged_list.ts";
import { offeredName } from "./names.ts";

type OfferedList = Listing["list"];

/** The member of an answer that has the items. */
const MEMBERS: Readonly<Record<OfferedList, string>> = {
  resources: "resources",
  templates: "resourceTemplates",
  prompts: "prompts",
};

/** The context of a list. */
export interface ListContext extends SearchContext {
  /** The names of all servers, in the order of the servers file. */
  readonly serverNames: readonly string[];
}

/** Returns the answer to a client that is offered nothing. */
export function emptyList(list: OfferedList): GatewayAnswer {
  return { kind: "gateway-result", json: `{"${MEMBERS[list]}":[]}` };
}

/**
 * Lists what the servers of an agent offer, as they wrote it; only the names of prompts are replaced.
 *
 * @throws {CallerError} `INVALID_ARGUMENTS`, if the cursor is not one of this list.
 */
export async function listOffered(
  { list, cursor }: Listing,
  { servers, serverNames, caller, policy, offers: { lists }, maxNameLength }: ListContext,
): Promise<GatewayAnswer> {
  const after = cursor === undefined ? undefined : readCursor(list, cursor);
  const serverLists = await lists.read(list, { servers, caller });
  const parts = serverLists.map(({ server, list: items }) => ({
    server: server.config.name,
    serverIndex: serverNames.indexOf(server.config.name),
    list: items,
  }));
  const isLong = serverLists.some(({ list: { isLong } }) => isLong);
  const { items, next } = await readPage(parts, {
    after,
    allows: (server, item) => policy.allows(caller.agent, accessRequestFor(list, server, item)),
    mergesNames: list !== "prompts",
    runStep: createStepRunner({ isLong }, caller.agent),
  });
  const texts = list === "prompts"
    ? renamedPrompts(items, maxNameLength)
    : items.map(({ item }) => item.text.json);
  const cursorMember = next === undefined
    ? ""
    : `,"nextCursor":${JSON.stringify(writeCursor(list, next))}`;
  return {
    kind: "gateway-result",
    json: `{"${MEMBERS[list]}":[${texts.join(",")}]${cursorMember}}`,
  };
}

function accessRequestFor(list: OfferedList, server: string, { name }: Item): AccessRequest {
  return list === "prompts"
    ? { kind: "prompt", server, prompt: name }
    : { kind: "resource", server, uri: name };
}

/** Returns the definitions of prompts with the names under which clients see them. */
function renamedPrompts(prompts: readonly OfferedItem[], maxNameLength: number): string[] {
  const texts = new Map<string, string>();
  for (const { server, item: { name, text: { json } } } of prompts) {
    const offered = offeredName({ server, name }, maxNameLength);
    // A server can choose names whose hashes are equal; clients would refuse a list that has a name twice.
    if (texts.has(offered)) continue;
    texts.set(offered, withValue(json, { key: "name", value: JSON.stringify(offered) }) ?? json);
  }
  return [...texts.values()];
}
