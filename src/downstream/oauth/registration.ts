import type { ServerConfig } from "../../config/mod.ts";
import { ask, errorCodeOf, isOk, readMembers, refusalOf } from "./answers.ts";
import { isClientMethod } from "./client_authentication.ts";
import type { LoginService } from "./discovery.ts";
import { LoginFailed, quoteServer, Unreachable } from "./failures.ts";
import { REDIRECT_PATH } from "./redirect_listener.ts";
import { addSecret, type Requests } from "./sdk.ts";
import { fitsEntry, isDocumentId, type StoredClient, type StoredLogin } from "./stored_login.ts";

/** Client metadata of the gateway. */
const CLIENT = {
  client_name: "Agent MCP Gateway",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  application_type: "native",
};

/**
 * Returns the client to log in with: the configured one, the one that was registered before with
 * the same redirect URI, or a new one.
 *
 * @param options `last`: the previous login, if there was one.
 * @throws {LoginFailed} if there is no client and none can be registered.
 */
export async function findClient(
  service: LoginService,
  { redirectUri, last, requests }: {
    readonly redirectUri: string;
    readonly last: StoredLogin | undefined;
    readonly requests: Requests;
  },
): Promise<StoredClient> {
  const { config } = requests;
  const { metadata } = service;
  const id = config.options.oauth?.clientId;
  if (id !== undefined) {
    const isDocument = isDocumentId(id) && config.options.oauth?.clientSecret === undefined;
    const isTaken = !isDocument || metadata.client_id_metadata_document_supported === true ||
      metadata.registration_endpoint === undefined;
    if (isTaken) {
      const isKnown = last?.client.client_id === id && last.issuer === service.issuer;
      const method = isKnown ? last.client.token_endpoint_auth_method : undefined;
      return {
        client_id: id,
        redirect_uri: redirectUri,
        kind: "configured",
        ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
      };
    }
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
  service: LoginService,
  redirectUri: string,
  requests: Requests,
): Promise<StoredClient> {
  const { metadata, scope } = service;
  const { config, fetchFn } = requests;
  const { registration_endpoint: endpoint } = metadata;
  if (endpoint === undefined) {
    const issuer = quoteServer(metadata.issuer, config);
    const message = `its login service ${issuer} does not register clients. ${
      manualRegistration(service)
    }`;
    throw new LoginFailed(message, { canRetry: false });
  }
  const method = chooseMethod(metadata.token_endpoint_auth_methods_supported);
  const description = {
    ...CLIENT,
    redirect_uris: [redirectUri],
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
    ...(scope === undefined ? {} : { scope }),
  };
  try {
    const headers = { accept: "application/json", "content-type": "application/json" };
    const body = JSON.stringify(description);
    const answer = await ask(endpoint, { method: "POST", headers, body, fetchFn });
    const secret = answer.body?.client_secret;
    if (typeof secret === "string") addSecret(config, secret);
    const purpose = "to register the gateway";
    const isRefused = answer.body?.client_id === undefined && errorCodeOf(answer) !== undefined;
    if (!isOk(answer) || answer.body === undefined || isRefused) {
      throw refusalOf(answer, { purpose, config });
    }
    const complaint = `its login service sent an unusable answer when asked ${purpose}`;
    const client = readMembers(answer, { required: ["client_id"], complaint, config });
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
  } catch (cause) {
    if (!(cause instanceof LoginFailed) && !(cause instanceof Unreachable)) throw cause;
    if (!service.isDescribed) throw noLogin(service, cause, config);
    if (cause instanceof Unreachable) throw cause;
    throw new LoginFailed(`${cause.message} ${manualRegistration(service)}`, {
      cause,
      canRetry: false,
    });
  }
}

/** Prefers no secret: a program on a user's machine cannot keep one. */
function chooseMethod(supported: readonly string[] = ["none"]): string | undefined {
  return supported.includes("none") ? "none" : supported.find(isClientMethod);
}

/** Instructions for a service that does not register clients. */
function manualRegistration({ metadata }: LoginService): string {
  const where = "into `gateway.oauth.client_id` of the server's entry";
  if (metadata.client_id_metadata_document_supported !== true) {
    return `Register a client there by hand and put its ID ${where}.`;
  }
  return "It accepts the https address of a client metadata document instead of a registered " +
    `client: publish one that lists http://127.0.0.1:PORT${REDIRECT_PATH} under redirect_uris, put ` +
    `its address ${where}, and PORT into \`gateway.oauth.redirect_port\`. docs/oauth.md has the steps.`;
}

/** The error if guessed endpoints do not answer: there is no login, or it cannot be found. */
function noLogin(service: LoginService, cause: Error, config: ServerConfig): LoginFailed {
  const issuer = quoteServer(service.issuer, config);
  const message = service.isNamed
    ? `its login service ${issuer} publishes no metadata, and nothing answers at the usual ` +
      "addresses. Report this to the operator of the server. If the server also accepts a key, put the " +
      "key into `headers` of its entry in the servers file."
    : "it refuses requests without authorization and offers no login. Put the credentials it needs, such as " +
      "a key, into `headers` of its entry in the servers file.";
  return new LoginFailed(message, { cause, canRetry: false });
}
