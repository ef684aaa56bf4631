import { within } from "../../within.ts";
import { isSafeAddress } from "./safe_address.ts";

/** How long a program may take to say that it cannot open anything, in milliseconds. */
const FAILS_WITHIN_MS = 1500;

/** What decides which program opens a link. */
export interface BrowserPlace {
  /** The system; default: where this runs. */
  readonly os?: typeof Deno.build.os;
  /** Environment variables; default: the gateway's own. */
  readonly env?: { get(name: string): string | undefined };
}

/**
 * The command lines that may open a link, the likeliest first. None where there is no screen.
 *
 * @param url The link; it is always one argument of its own.
 * @param place See there.
 */
export function browserCommands(url: string, place: BrowserPlace = {}): string[][] {
  const { os = Deno.build.os, env = Deno.env } = place;
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
      // Without a screen xdg-open starts a browser in the terminal, which is not ours.
      const hasScreen = env.get("DISPLAY") || env.get("WAYLAND_DISPLAY");
      return hasScreen ? [["xdg-open", url]] : [];
    }
  }
}

/** `BROWSER` as desktops read it: programs by `:`, each with arguments, of which `%s` is the link. */
function readChoice(text: string, isWindows: boolean): string[][] {
  return (isWindows ? [text] : text.split(":"))
    .map((command) => command.split(/\s+/).filter((word) => word !== ""))
    .filter((words) => words.length > 0);
}

function putLink(words: readonly string[], url: string): string[] {
  const hasPlace = words.some((word) => word.includes("%s"));
  return hasPlace ? words.map((word) => word.replaceAll("%s", url)) : [...words, url];
}

/**
 * Opens a link in the user's browser.
 *
 * @param url The link.
 * @param place See there.
 * @returns Whether a program took it.
 */
export async function openBrowser(url: string, place: BrowserPlace = {}): Promise<boolean> {
  if (!isSafeAddress(new URL(url))) return false;
  for (const words of browserCommands(url, place)) {
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
      // The browser lives on when the gateway ends.
      detached: true,
    }).spawn();
    child.unref();
    let hasFailed = false;
    const ended = child.status.then(({ success }) => void (hasFailed = !success));
    await within(ended, FAILS_WITHIN_MS);
    return !hasFailed;
  } catch {
    // No such program, or Deno may not run it: there is no browser.
    return false;
  }
}
