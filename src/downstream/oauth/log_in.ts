import type { ConnectHttp, ServerConfig } from "../../config/mod.ts";
import { DownstreamError } from "../../errors.ts";
import { untilAborted } from "../until_aborted.ts";
import type { AccountOptions, LoginOutcome } from "./accounts.ts";
import { openBrowser } from "./browser.ts";
import { describeResource, readChallenge } from "./discovery.ts";
import { explainLogin } from "./failures.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { LoginAttempt } from "./login_attempt.ts";
import { probeServer } from "./probe.ts";
import { isSafeAddress } from "./safe_address.ts";
import { loadSdk, type Requests } from "./sdk.ts";
import { fitsEntry, type StoredLogin } from "./stored_login.ts";
import { oauthFolder, TokenStore } from "./token_store.ts";

/** Maximum time for a person at a terminal, in milliseconds; Ctrl-C cancels sooner. */
const LOGIN_MS = 900_000;

/**
 * Logs in the person at the terminal.
 *
 * @param options `show` receives the link before it is opened in the browser.
 * @throws {DownstreamError} if the login failed.
 */
export async function logInAt(
  config: ServerConfig,
  options: AccountOptions & {
    readonly connect: ConnectHttp;
    readonly show: (url: string) => void;
  },
): Promise<LoginOutcome> {
  const { connect, log, signal, show } = options;
  const { url } = connect;
  const sdk = await loadSdk();
  const refusal = await probe(config, connect, signal);
  const requests = { config, url, sdk, fetchFn: guardedFetch(signal) };
  if (refusal.status !== 401 && !await describesLogin(requests, signal)) {
    return { kind: "not-needed", why: "it answers without one" };
  }
  const store = new TokenStore(options.folder ?? oauthFolder(Deno.env), log);
  const { logins } = await store.read(url);
  let issuer = "";
  const attempt = new LoginAttempt({
    config,
    url,
    challenge: readChallenge(refusal, sdk),
    last: logins.find((login) => fitsEntry(login, config)),
    withinMs: LOGIN_MS,
    ask: async (link) => {
      show(link);
      return await openBrowser(link) ? "browser" : "nobody";
    },
    keep: async (login: StoredLogin) => {
      ({ issuer } = login);
      await store.locked(url, { signal, run: () => store.write(login) });
    },
  });
  try {
    await untilAborted(attempt.done, signal);
    return { kind: "done", issuer };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw explainLogin(error, config.name);
  } finally {
    attempt.close();
    // Its listener is closed when `done` settles.
    await attempt.done.catch(() => {});
  }
}

async function probe(
  { name }: ServerConfig,
  connect: ConnectHttp,
  signal: AbortSignal,
): Promise<Response> {
  try {
    const answer = await probeServer(connect, signal);
    if (answer.status < 500) return answer;
    const message = `Server "${name}" is not available: it answered with HTTP ${answer.status}.`;
    throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof DownstreamError) throw cause;
    const message = `Server "${name}" is not available: it cannot be reached.`;
    throw new DownstreamError("SERVER_UNAVAILABLE", name, message, { cause });
  }
}

/**
 * Whether a server announces a login although it accepted the probe: some refuse only tool calls.
 */
async function describesLogin(requests: Requests, signal: AbortSignal): Promise<boolean> {
  if (!isSafeAddress(new URL(requests.url))) return false;
  try {
    const { found } = await describeResource({}, requests);
    return found?.authorization_servers !== undefined;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
