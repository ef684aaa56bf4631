import { within } from "../../within.ts";
import { isSafeAddress } from "./safe_address.ts";

/** A program that still runs after this time, in milliseconds, counts as having opened the link. */
const FAILURE_WAIT_MS = 1500;

/** The platform, which decides which program opens a link. */
export interface BrowserContext {
  /** Default: this operating system. */
  readonly os?: typeof Deno.build.os;
  /** Environment variables; default: the gateway's own. */
  readonly env?: { get(name: string): string | undefined };
}

/**
 * Lists command lines that may open a link, the likeliest first. The list is empty without a
 * screen, or if `BROWSER` is `none`.
 */
export function listBrowserCommands(url: string, context: BrowserContext = {}): string[][] {
  const { os = Deno.build.os, env = Deno.env } = context;
  const browserVariable = env.get("BROWSER")?.trim() ?? "";
  if (browserVariable === "none") return [];
  if (browserVariable !== "") {
    return parseBrowserVariable(browserVariable, os).map((words) => insertLink(words, url));
  }
  switch (os) {
    case "windows":
      return [["rundll32", "url.dll,FileProtocolHandler", url]];
    case "darwin":
      return [["open", url]];
    default: {
      if (env.get("WSL_DISTRO_NAME")) return [["wslview", url], ["xdg-open", url]];
      // Without a screen, xdg-open starts a text browser in the terminal, which the MCP client may
      // use.
      const hasScreen = env.get("DISPLAY") || env.get("WAYLAND_DISPLAY");
      return hasScreen ? [["xdg-open", url]] : [];
    }
  }
}

/**
 * Parses the variable `BROWSER` as desktops do: commands separated by `:`, with `%s` for the link.
 * On Windows, it is one command.
 */
function parseBrowserVariable(text: string, os: typeof Deno.build.os): string[][] {
  return (os === "windows" ? [text] : text.split(":"))
    .map((command) => command.split(/\s+/).filter((word) => word !== ""))
    .filter((words) => words.length > 0);
}

function insertLink(words: readonly string[], url: string): string[] {
  const hasPlaceholder = words.some((word) => word.includes("%s"));
  return hasPlaceholder ? words.map((word) => word.replaceAll("%s", url)) : [...words, url];
}

/**
 * Opens a link in the user's browser; resolves to whether a program was started without an error.
 */
export async function openBrowser(url: string, context: BrowserContext = {}): Promise<boolean> {
  if (!isSafeAddress(new URL(url))) return false;
  for (const words of listBrowserCommands(url, context)) {
    if (await launch(words)) return true;
  }
  return false;
}

async function launch([program = "", ...args]: readonly string[]): Promise<boolean> {
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
    await within(ended, FAILURE_WAIT_MS);
    return !hasFailed;
  } catch {
    // The program does not exist, or Deno may not run it.
    return false;
  }
}
