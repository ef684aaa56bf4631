import { errorCodeOf, type OAuthResponse, sendRequest } from "./oauth_response.ts";
import { addDefinedSecrets, type OAuthContext } from "./sdk.ts";

/** Client authentication methods of the token endpoint that the gateway supports. */
const METHODS = ["client_secret_basic", "client_secret_post", "none"] as const;

/** A client authentication method. */
export type ClientAuthenticationMethod = typeof METHODS[number];

/** An OAuth client. */
export interface OAuthClient {
  readonly client_id: string;
  readonly client_secret?: string;
  /** The method that worked before, or that the registration named. */
  readonly token_endpoint_auth_method?: string;
}

/** A response to a request with client authentication. */
export interface ClientResponse {
  readonly response: OAuthResponse;
  /** The method with which the client authenticated. */
  readonly method: ClientAuthenticationMethod;
  /** All methods that were tried. */
  readonly triedMethods: readonly ClientAuthenticationMethod[];
}

/** Whether the gateway supports an authentication method. */
export function isSupportedMethod(
  method: string | undefined,
): method is ClientAuthenticationMethod {
  return METHODS.some((supported) => supported === method);
}

/**
 * Sends a form with client authentication. If the authorization server refuses the client, tries
 * one other method: many authorization servers list methods that they do not accept. The second
 * request may contain the same code or refresh token, because a refused request does not consume
 * it.
 *
 * @param options `form`: the form without the members for client authentication. `listedMethods`:
 * the methods in the metadata of the authorization server.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1}
 */
export async function postAsClient(
  endpoint: string,
  { form, client, listedMethods = [], context }: {
    readonly form: Readonly<Record<string, string>>;
    readonly client: OAuthClient;
    readonly listedMethods?: readonly string[] | undefined;
    readonly context: OAuthContext;
  },
): Promise<ClientResponse> {
  const send = async (method: ClientAuthenticationMethod): Promise<OAuthResponse> => {
    const body = new URLSearchParams(form);
    const headers = new Headers({ accept: "application/json" });
    authenticate(method, { client, headers, body, context });
    const { fetchFn } = context;
    return await sendRequest(endpoint, { method: "POST", headers, body, fetchFn });
  };
  const [method, otherMethod] = chooseMethods(client, listedMethods);
  const response = await send(method);
  if (otherMethod === undefined || !isClientRefused(response)) {
    return { response, method, triedMethods: [method] };
  }
  const otherResponse = await send(otherMethod);
  const triedMethods = [method, otherMethod];
  // `invalid_request` means that the authorization server does not support the other method.
  const isOtherRefused = isClientRefused(otherResponse) ||
    errorCodeOf(otherResponse) === "invalid_request";
  return isOtherRefused
    ? { response, method, triedMethods }
    : { response: otherResponse, method: otherMethod, triedMethods };
}

function isClientRefused(response: OAuthResponse): boolean {
  const code = errorCodeOf(response);
  return code === "invalid_client" || (code === undefined && response.status === 401);
}

/** Returns the method to try first, and the one to try if the client is refused. */
function chooseMethods(
  { client_secret, token_endpoint_auth_method: knownMethod }: OAuthClient,
  listedMethods: readonly string[],
): readonly [ClientAuthenticationMethod, ClientAuthenticationMethod?] {
  if (client_secret === undefined) return ["none"];
  const listed = METHODS.find((method) => listedMethods.includes(method));
  const first = isSupportedMethod(knownMethod) ? knownMethod : listed ?? "client_secret_basic";
  return [first, first === "client_secret_basic" ? "client_secret_post" : "client_secret_basic"];
}

function authenticate(
  method: ClientAuthenticationMethod,
  { client, headers, body, context }: {
    readonly client: OAuthClient;
    readonly headers: Headers;
    readonly body: URLSearchParams;
    readonly context: OAuthContext;
  },
): void {
  const { client_id: id, client_secret: secret = "" } = client;
  if (method === "client_secret_basic") {
    const credentials = btoa(`${encodeForm(id)}:${encodeForm(secret)}`);
    addDefinedSecrets(context.config, credentials, encodeForm(secret));
    headers.set("authorization", `Basic ${credentials}`);
    return;
  }
  body.set("client_id", id);
  if (method === "none") return;
  addDefinedSecrets(context.config, encodeForm(secret));
  body.set("client_secret", secret);
}

/** Form-encodes a text; the result is ASCII. */
function encodeForm(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}
