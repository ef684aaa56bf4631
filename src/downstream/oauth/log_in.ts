import type { HttpConfig, ServerConfig } from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import { untilAborted } from "../until_aborted.ts";
import type { AccountOptions, LoginOutcome } from "./accounts.ts";
import { openBrowser } from "./browser.ts";
import { fetchResourceMetadata, parseChallenge } from "./discovery.ts";
import { toDownstreamError } from "./translate_error.ts";
import { LoginAttempt } from "./login_attempt.ts";
import { probeServer } from "./probe.ts";
import { isSafeAddress } from "./safe_address.ts";
import { createOAuthContext, type OAuthContext } from "./sdk.ts";
import { matchesEntry, type StoredLogin } from "./stored_login.ts";
import { getOAuthFolder, TokenStore } from "./token_store.ts";

/** Maximum duration of a login at a terminal, in milliseconds. */
const LOGIN_TIMEOUT_MS = 900_000;

/**
 * Logs in the person at the terminal.
 *
 * @param options `show` receives the link before it is opened in the browser.
 * @throws {DownstreamError} if the login failed.
 */
export async function logInAtTerminal(
  config: ServerConfig,
  options: AccountOptions & {
    readonly connection: HttpConfig;
    readonly show: (url: string) => void;
  },
): Promise<LoginOutcome> {
  const { connection, log, signal, show } = options;
  const { url } = connection;
  const store = new TokenStore(options.folder ?? getOAuthFolder(Deno.env), log);
  const probeResponse = await probe(config, connection, signal);
  const context = await createOAuthContext({ config, url, store }, signal);
  if (probeResponse.status !== 401 && !await announcesLogin(context, signal)) {
    return { kind: "not-needed", reason: "it answers without one" };
  }
  const { logins } = await store.read(url);
  let issuer = "";
  const attempt = new LoginAttempt({
    config,
    url,
    store,
    challenge: parseChallenge(probeResponse, context.sdk),
    previousLogin: logins.find((login) => matchesEntry(login, config)),
    timeoutMs: LOGIN_TIMEOUT_MS,
    promptPerson: async (link) => {
      show(link);
      return await openBrowser(link) ? "browser" : "nobody";
    },
    storeLogin: async (login: StoredLogin) => {
      ({ issuer } = login);
      await store.withLock(url, { signal, run: () => store.write(login) });
    },
  });
  try {
    await untilAborted(attempt.done, signal);
    return { kind: "done", issuer };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw toDownstreamError(error, config.name);
  } finally {
    attempt.close();
    // Wait until the listener of the attempt is closed.
    await attempt.done.catch(() => {});
  }
}

async function probe(
  { name }: ServerConfig,
  connection: HttpConfig,
  signal: AbortSignal,
): Promise<Response> {
  try {
    const response = await probeServer(connection, signal);
    if (response.status < 500) return response;
    const message = `Server "${name}" is not available: it answered with HTTP ${response.status}.`;
    throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof DownstreamError) throw cause;
    const message = `Server "${name}" is not available: it cannot be reached.`;
    throw new DownstreamError("SERVER_UNAVAILABLE", name, message, { cause });
  }
}

/**
 * Whether a server that accepted the probe announces a login: some servers refuse only tool calls.
 */
async function announcesLogin(context: OAuthContext, signal: AbortSignal): Promise<boolean> {
  if (!isSafeAddress(new URL(context.url))) return false;
  try {
    const { metadata } = await fetchResourceMetadata({}, context);
    return metadata?.authorization_servers !== undefined;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
