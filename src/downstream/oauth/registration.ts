import type { OAuthClientMetadata } from "@modelcontextprotocol/client";
import type { LoginService } from "./discovery.ts";
import { LoginFailed, Unreachable } from "./failures.ts";
import { keepSecret, readFailure, type Requests } from "./sdk.ts";
import { fitsEntry, isDocumentId, type StoredClient, type StoredLogin } from "./stored_login.ts";

/** How the gateway introduces itself. */
const CLIENT: Omit<OAuthClientMetadata, "redirect_uris"> = {
  client_name: "Agent MCP Gateway",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  application_type: "native",
};

/**
 * The client that logs in: the configured one, the one that was registered before with the same
 * redirect, or a new one.
 *
 * @param service Where it is registered.
 * @param redirectUri Where the browser is sent after the login.
 * @param options The login before, if there was one, and how requests are made.
 * @throws {LoginFailed} where no client can be had.
 */
export async function findClient(
  service: LoginService,
  redirectUri: string,
  { last, requests }: { readonly last: StoredLogin | undefined; readonly requests: Requests },
): Promise<StoredClient> {
  const { config } = requests;
  const { metadata } = service;
  const id = config.options.oauth?.clientId;
  if (id !== undefined) {
    const isDocument = isDocumentId(id) && config.options.oauth?.clientSecret === undefined;
    const isTaken = !isDocument || metadata.client_id_metadata_document_supported === true ||
      metadata.registration_endpoint === undefined;
    if (isTaken) return { client_id: id, redirect_uri: redirectUri, kind: "configured" };
  }
  if (last !== undefined && fitsEntry(last, config) && isUsable(last, service, redirectUri)) {
    return last.client;
  }
  return await register(service, redirectUri, requests);
}

function isUsable({ issuer, client }: StoredLogin, service: LoginService, uri: string): boolean {
  const { client_secret_expires_at: end = 0 } = client;
  return client.kind === "registered" && issuer === service.issuer && client.redirect_uri === uri &&
    (end === 0 || end * 1000 > Date.now());
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc7591} */
async function register(
  { metadata, isDescribed, scope }: LoginService,
  redirectUri: string,
  requests: Requests,
): Promise<StoredClient> {
  const { sdk, config, fetchFn } = requests;
  const byHand = "Register a client there by hand, and put its id into `gateway.oauth.client_id` " +
    "of the server's entry";
  if (metadata.registration_endpoint === undefined) {
    const message = `its login service ${metadata.issuer} registers no clients. ${byHand}.`;
    throw new LoginFailed(message, { canRetry: false });
  }
  const methods = metadata.token_endpoint_auth_methods_supported;
  // A program on somebody's machine keeps no secret of its own, unless it is made to.
  const method = methods === undefined || methods.includes("none") ? "none" : methods[0];
  try {
    const client = await sdk.registerClient(metadata.issuer, {
      metadata,
      clientMetadata: {
        ...CLIENT,
        redirect_uris: [redirectUri],
        ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
      },
      ...(scope === undefined ? {} : { scope }),
      fetchFn,
    });
    keepSecret(config, client.client_secret);
    const { client_id, client_secret, client_secret_expires_at: end } = client;
    const { token_endpoint_auth_method: given } = client;
    return {
      client_id,
      redirect_uri: redirectUri,
      kind: "registered",
      ...(client_secret === undefined ? {} : { client_secret }),
      ...(end === undefined ? {} : { client_secret_expires_at: end }),
      ...(given === undefined ? {} : { token_endpoint_auth_method: given }),
    };
  } catch (error) {
    if (error instanceof Unreachable && isDescribed) throw error;
    if (!isDescribed) {
      // Guessed endpoints that do not answer: the server wants a key, not a login.
      const message =
        "it refuses requests without authorization and offers no login. Put what it " +
        "asks for, such as a key, into `headers` of its entry in the servers file.";
      throw new LoginFailed(message, { cause: error, canRetry: false });
    }
    if (!(error instanceof sdk.RegistrationRejectedError)) {
      throw readFailure(error, "to register the gateway", requests);
    }
    const rejection = await sdk.parseErrorResponse(error.body);
    const { message } = readFailure(rejection, "to register the gateway", requests);
    throw new LoginFailed(`${message} ${byHand}.`, { cause: error, canRetry: false });
  }
}
