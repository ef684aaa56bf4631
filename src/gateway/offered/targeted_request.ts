import type { DownstreamServer, ItemRequest } from "../../downstream/mod.ts";
import type { CallerError } from "../../errors.ts";
import type { AccessRequest } from "../../policy/mod.ts";
import { similarNames } from "../../similar_names.ts";
import { promptNotFound, resourceNotFound } from "../error_body.ts";
import type { Subscription, TargetedOperation } from "../operation.ts";
import { findPrompt } from "./find_prompt.ts";
import { findResource, findTemplate, type SearchContext } from "./find_resource.ts";
import { readOfferedName } from "./names.ts";

/** Maximum number of similar names in a hint. */
const MAX_SIMILAR = 3;

/** The server that an operation is for, and what the operation names. */
export interface Target {
  /** The server. */
  readonly server: DownstreamServer;
  /** The access that the operation needs. */
  readonly accessRequest: AccessRequest & { readonly kind: "resource" | "prompt" };
  /**
   * The error for a denial, if no list of the server has the resource. It says that there is no such resource, because
   * the agent must not learn from a denial that there is one.
   */
  readonly unlistedError: CallerError | undefined;
}

/** A request, and the server that it is for. */
export type TargetedRequest = TargetedOperation & { readonly kind: "server-request" };

/**
 * Finds the server of the resource or the prompt that a request names.
 *
 * @returns The request with the names that the server knows.
 * @throws {CallerError} `RESOURCE_NOT_FOUND` or `PROMPT_NOT_FOUND`.
 * @throws {DownstreamError} if the server of a prompt is not available.
 */
export async function findRequestTarget(
  request: ItemRequest | Subscription,
  context: SearchContext,
): Promise<TargetedRequest> {
  switch (request.kind) {
    case "resource":
    case "subscription": {
      const target = await findResourceTarget(request.uri, context, findResource);
      return { kind: "server-request", target, request };
    }
    case "prompt": {
      const { target, name } = await findPromptTarget(request.name, context);
      return { kind: "server-request", target, request: { ...request, name } };
    }
    case "completion": {
      const { reference } = request;
      if (reference.kind === "template") {
        const target = await findResourceTarget(reference.uri, context, findTemplate);
        return { kind: "server-request", target, request };
      }
      const { target, name } = await findPromptTarget(reference.name, context);
      const targetedRequest = { ...request, reference: { ...reference, name } };
      return { kind: "server-request", target, request: targetedRequest };
    }
  }
}

async function findResourceTarget(
  uri: string,
  context: SearchContext,
  find: typeof findResource,
): Promise<Target> {
  const resourceTarget = await find(uri, context);
  let unlistedError: CallerError | undefined;
  if (resourceTarget?.isListed !== true) {
    const { lists } = context.offers;
    const names = (["resources", "templates"] as const).flatMap((kind) =>
      lists.pendingServers(kind, context)
    );
    const error = resourceNotFound(uri, [...new Set(names)]);
    if (resourceTarget === undefined) throw error;
    unlistedError = error;
  }
  const { server } = resourceTarget;
  return {
    server,
    unlistedError,
    accessRequest: { kind: "resource", server: server.config.name, uri },
  };
}

/** Returns the servers that were probably meant, if the agent may use no server with the name that a prompt's begins with. */
function similarServers(offered: string, { servers, maxNameLength }: SearchContext): string[] {
  const server = readOfferedName(offered, maxNameLength)?.server;
  const names = servers.map(({ config: { name } }) => name);
  return server === undefined || names.includes(server)
    ? []
    : similarNames(server, names, { max: MAX_SIMILAR });
}

async function findPromptTarget(
  offered: string,
  context: SearchContext,
): Promise<{ readonly target: Target; readonly name: string }> {
  const promptTarget = await findPrompt(offered, context);
  if (promptTarget === undefined) throw promptNotFound(offered, similarServers(offered, context));
  const { server, prompt: name } = promptTarget;
  const accessRequest = { kind: "prompt", server: server.config.name, prompt: name } as const;
  return { target: { server, unlistedError: undefined, accessRequest }, name };
}
