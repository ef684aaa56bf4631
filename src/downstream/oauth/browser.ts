import { within } from "../../within.ts";
import { isSafeAddress } from "./safe_address.ts";

/** Time within which a program that cannot open the link exits, in milliseconds. */
const FAILS_WITHIN_MS = 1500;

/** Environment that decides which program opens a link. */
export interface BrowserContext {
  /** Default: this operating system. */
  readonly os?: typeof Deno.build.os;
  /** Environment variables; default: the gateway's own. */
  readonly env?: { get(name: string): string | undefined };
}

/** Command lines that may open a link, the likeliest first. None if there is no screen. */
export function browserCommands(url: string, context: BrowserContext = {}): string[][] {
  const { os = Deno.build.os, env = Deno.env } = context;
  const chosen = env.get("BROWSER")?.trim() ?? "";
  if (chosen === "none") return [];
  if (chosen !== "") {
    return readChoice(chosen, os === "windows").map((words) => putLink(words, url));
  }
  switch (os) {
    case "windows":
      return [["rundll32", "url.dll,FileProtocolHandler", url]];
    case "darwin":
      return [["open", url]];
    default: {
      if (env.get("WSL_DISTRO_NAME")) return [["wslview", url], ["xdg-open", url]];
      // Without a screen, xdg-open starts a browser in the terminal, which is not ours.
      const hasScreen = env.get("DISPLAY") || env.get("WAYLAND_DISPLAY");
      return hasScreen ? [["xdg-open", url]] : [];
    }
  }
}

/**
 * Parses `BROWSER` as desktops do: programs separated by `:`, each with arguments in which `%s` is
 * the link.
 */
function readChoice(text: string, isWindows: boolean): string[][] {
  return (isWindows ? [text] : text.split(":"))
    .map((command) => command.split(/\s+/).filter((word) => word !== ""))
    .filter((words) => words.length > 0);
}

function putLink(words: readonly string[], url: string): string[] {
  const hasPlaceholder = words.some((word) => word.includes("%s"));
  return hasPlaceholder ? words.map((word) => word.replaceAll("%s", url)) : [...words, url];
}

/** Opens a link in the user's browser; resolves to whether a program accepted it. */
export async function openBrowser(url: string, context: BrowserContext = {}): Promise<boolean> {
  if (!isSafeAddress(new URL(url))) return false;
  for (const words of browserCommands(url, context)) {
    if (await runs(words)) return true;
  }
  return false;
}

async function runs([program = "", ...args]: readonly string[]): Promise<boolean> {
  try {
    const child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      // The browser keeps running when the gateway exits.
      detached: true,
    }).spawn();
    child.unref();
    let hasFailed = false;
    const ended = child.status.then(({ success }) => void (hasFailed = !success));
    await within(ended, FAILS_WITHIN_MS);
    return !hasFailed;
  } catch {
    // The program does not exist, or Deno may not run it.
    return false;
  }
}
