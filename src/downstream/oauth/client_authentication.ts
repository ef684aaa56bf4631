import { ask, errorCodeOf, type OAuthAnswer } from "./answers.ts";
import { addSecret, type Requests } from "./sdk.ts";

/** Client authentication methods of the token endpoint that the gateway supports. */
const METHODS = ["client_secret_basic", "client_secret_post", "none"] as const;

/** A client authentication method. */
export type ClientMethod = typeof METHODS[number];

/** The client that sends a request. */
export interface OAuthClient {
  readonly client_id: string;
  readonly client_secret?: string;
  /** The method that worked before, or that the registration named. */
  readonly token_endpoint_auth_method?: string;
}

/** A response, and the method with which the client got it. */
export interface ClientAnswer {
  readonly answer: OAuthAnswer;
  readonly method: ClientMethod;
  /** All methods that were tried. */
  readonly tried: readonly ClientMethod[];
}

/** Whether the gateway supports an authentication method. */
export function isClientMethod(method: string | undefined): method is ClientMethod {
  return METHODS.some((one) => one === method);
}

/**
 * Sends a form as a client. If the client itself is refused, the other method is tried once: many
 * services list methods that they do not accept. A refused client has used up neither code nor
 * refresh token.
 *
 * @param options `form`: the form without the client. `supported`: the methods that the service
 * lists.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1}
 */
export async function postAsClient(
  endpoint: string,
  { form, client, supported = [], requests }: {
    readonly form: Readonly<Record<string, string>>;
    readonly client: OAuthClient;
    readonly supported?: readonly string[] | undefined;
    readonly requests: Requests;
  },
): Promise<ClientAnswer> {
  const send = async (method: ClientMethod): Promise<OAuthAnswer> => {
    const body = new URLSearchParams(form);
    const headers = new Headers({ accept: "application/json" });
    authenticate(method, { client, headers, body, requests });
    const { fetchFn } = requests;
    return await ask(endpoint, { method: "POST", headers, body, fetchFn });
  };
  const [method, other] = chooseMethods(client, supported);
  const answer = await send(method);
  if (other === undefined || !isClientRefused(answer)) return { answer, method, tried: [method] };
  const second = await send(other);
  const tried = [method, other];
  // A service that answers `invalid_request` does not know the method; this says nothing of the
  // client.
  const isUnknown = isClientRefused(second) || errorCodeOf(second) === "invalid_request";
  return isUnknown ? { answer, method, tried } : { answer: second, method: other, tried };
}

function isClientRefused(answer: OAuthAnswer): boolean {
  const code = errorCodeOf(answer);
  return code === "invalid_client" || (code === undefined && answer.status === 401);
}

/** The method to try first, and the one to try if it is refused. */
function chooseMethods(
  { client_secret, token_endpoint_auth_method: known }: OAuthClient,
  supported: readonly string[],
): readonly [ClientMethod, ClientMethod?] {
  if (client_secret === undefined) return ["none"];
  const named = METHODS.find((method) => supported.includes(method));
  const first = isClientMethod(known) ? known : named ?? "client_secret_basic";
  return [first, first === "client_secret_basic" ? "client_secret_post" : "client_secret_basic"];
}

function authenticate(
  method: ClientMethod,
  { client, headers, body, requests }: {
    readonly client: OAuthClient;
    readonly headers: Headers;
    readonly body: URLSearchParams;
    readonly requests: Requests;
  },
): void {
  const { client_id: id, client_secret: secret = "" } = client;
  if (method === "client_secret_basic") {
    const basic = btoa(`${encodeForm(id)}:${encodeForm(secret)}`);
    addSecret(requests.config, basic, encodeForm(secret));
    headers.set("authorization", `Basic ${basic}`);
    return;
  }
  body.set("client_id", id);
  if (method === "none") return;
  addSecret(requests.config, encodeForm(secret));
  body.set("client_secret", secret);
}

/** Form-encodes a text; the result is ASCII. */
function encodeForm(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}
