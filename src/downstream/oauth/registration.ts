import { quoteServerText } from "../secrets.ts";
import type { ServerConfig } from "../../config/mod.ts";
import {
  createRefusalError,
  errorCodeOf,
  isOk,
  readMembers,
  sendRequest,
} from "./oauth_response.ts";
import { isSupportedMethod } from "./client_authentication.ts";
import type { AuthorizationServer } from "./discovery.ts";
import { LoginFailure, UnreachableError } from "./login_failure.ts";
import { REDIRECT_PATH } from "./redirect_listener.ts";
import { addDefinedSecrets, type OAuthContext } from "./sdk.ts";
import {
  isMetadataDocumentId,
  matchesEntry,
  type StoredClient,
  type StoredLogin,
} from "./stored_login.ts";

/** The metadata with which the gateway registers itself. */
const CLIENT_METADATA = {
  client_name: "Agent MCP Gateway",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  application_type: "native",
};

/**
 * Returns the client to log in with: the configured client, the registered client of the previous
 * login if its redirect URI is the same, or a newly registered client.
 *
 * @param options `previousLogin`: the previous login, if there was one.
 * @throws {LoginFailure} if there is no client and none can be registered.
 */
export async function findClient(
  authorizationServer: AuthorizationServer,
  { redirectUri, previousLogin, context }: {
    readonly redirectUri: string;
    readonly previousLogin: StoredLogin | undefined;
    readonly context: OAuthContext;
  },
): Promise<StoredClient> {
  const { config } = context;
  const { metadata } = authorizationServer;
  const id = config.options.oauth?.clientId;
  if (id !== undefined) {
    const isMetadataDocument = isMetadataDocumentId(id) &&
      config.options.oauth?.clientSecret === undefined;
    const isUsable = !isMetadataDocument ||
      metadata.client_id_metadata_document_supported === true ||
      metadata.registration_endpoint === undefined;
    if (isUsable) {
      const isSameClient = previousLogin?.client.client_id === id &&
        previousLogin.issuer === authorizationServer.issuer;
      const method = isSameClient ? previousLogin.client.token_endpoint_auth_method : undefined;
      return {
        client_id: id,
        redirect_uri: redirectUri,
        kind: "configured",
        ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
      };
    }
  }
  if (
    previousLogin !== undefined && matchesEntry(previousLogin, config) &&
    canReuseClient(previousLogin, authorizationServer, redirectUri)
  ) {
    return previousLogin.client;
  }
  return await registerClient(authorizationServer, redirectUri, context);
}

function canReuseClient(
  { issuer, client }: StoredLogin,
  authorizationServer: AuthorizationServer,
  redirectUri: string,
): boolean {
  const { client_secret_expires_at: expiresAt = 0 } = client;
  return client.kind === "registered" && issuer === authorizationServer.issuer &&
    client.redirect_uri === redirectUri &&
    (expiresAt === 0 || expiresAt * 1000 > Date.now());
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc7591} */
async function registerClient(
  authorizationServer: AuthorizationServer,
  redirectUri: string,
  context: OAuthContext,
): Promise<StoredClient> {
  const { metadata, scope } = authorizationServer;
  const { config, fetchFn } = context;
  const { registration_endpoint: endpoint } = metadata;
  if (endpoint === undefined) {
    const issuer = quoteServerText(metadata.issuer, config);
    const message = `its authorization server ${issuer} does not register clients. ` +
      describeManualRegistration(authorizationServer);
    throw new LoginFailure(message, { canRetry: false });
  }
  const method = chooseAuthenticationMethod(metadata.token_endpoint_auth_methods_supported);
  const registrationRequest = {
    ...CLIENT_METADATA,
    redirect_uris: [redirectUri],
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
    ...(scope === undefined ? {} : { scope }),
  };
  try {
    const headers = { accept: "application/json", "content-type": "application/json" };
    const body = JSON.stringify(registrationRequest);
    const response = await sendRequest(endpoint, { method: "POST", headers, body, fetchFn });
    const secret = response.body?.client_secret;
    if (typeof secret === "string") addDefinedSecrets(config, secret);
    const purpose = "to register the gateway";
    const isRefused = response.body?.client_id === undefined && errorCodeOf(response) !== undefined;
    if (!isOk(response) || response.body === undefined || isRefused) {
      throw createRefusalError(response, { purpose, config });
    }
    const errorPrefix = `its authorization server sent an unusable response when asked ${purpose}`;
    const client = readMembers(response, { required: ["client_id"], errorPrefix, config });
    const { client_id, client_secret, client_secret_expires_at: expiresAt } = client;
    const { token_endpoint_auth_method: registeredMethod } = client;
    return {
      client_id,
      redirect_uri: redirectUri,
      kind: "registered",
      ...(client_secret === undefined ? {} : { client_secret }),
      ...(expiresAt === undefined ? {} : { client_secret_expires_at: expiresAt }),
      ...(registeredMethod === undefined ? {} : { token_endpoint_auth_method: registeredMethod }),
    };
  } catch (cause) {
    if (!(cause instanceof LoginFailure) && !(cause instanceof UnreachableError)) throw cause;
    if (!authorizationServer.hasMetadata) {
      throw createNoLoginError(authorizationServer, cause, config);
    }
    if (cause instanceof UnreachableError) throw cause;
    throw new LoginFailure(`${cause.message} ${describeManualRegistration(authorizationServer)}`, {
      cause,
      canRetry: false,
    });
  }
}

/** Prefers a client without a secret, because the gateway is a public client (RFC 8252). */
function chooseAuthenticationMethod(supported: readonly string[] = ["none"]): string | undefined {
  return supported.includes("none") ? "none" : supported.find(isSupportedMethod);
}

/** Explains what to do if the authorization server does not register clients. */
function describeManualRegistration({ metadata }: AuthorizationServer): string {
  const destination = "into `gateway.oauth.client_id` of the server's entry";
  if (metadata.client_id_metadata_document_supported !== true) {
    return `Register a client there by hand and put its ID ${destination}.`;
  }
  return "It accepts the https address of a client metadata document instead of a registered " +
    `client: publish one that lists http://127.0.0.1:PORT${REDIRECT_PATH} under redirect_uris, ` +
    `put its address ${destination}, and PORT into \`gateway.oauth.redirect_port\`. ` +
    "docs/oauth.md has the steps.";
}

/**
 * Creates the error for an authorization server without metadata whose default endpoints do not work.
 */
function createNoLoginError(
  authorizationServer: AuthorizationServer,
  cause: Error,
  config: ServerConfig,
): LoginFailure {
  const issuer = quoteServerText(authorizationServer.issuer, config);
  const message = authorizationServer.isAnnounced
    ? `its authorization server ${issuer} publishes no metadata, and nothing answers at the ` +
      "usual addresses. Report this to the operator of the server. If the server also accepts a key, " +
      "put the key into `headers` of its entry in the servers file."
    : "it refuses requests without authorization and offers no login. Put the credentials it " +
      "needs, such as a key, into `headers` of its entry in the servers file.";
  return new LoginFailure(message, { cause, canRetry: false });
}
