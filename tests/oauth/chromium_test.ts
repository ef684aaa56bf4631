import assert from "node:assert/strict";
import { join } from "node:path";
import { createServerAuth, PendingOperations } from "../../src/downstream/mod.ts";
import { createLog } from "../../src/log.ts";
import { OAuthScene, send } from "./scene.ts";

/** A real browser, if one is installed. */
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find((name) => {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => isFile(join(folder, name)));
});

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

Deno.test({
  name: "[oauth.browser] a real browser ends at the page that reports success",
  ignore: CHROMIUM === undefined,
  fn: async () => {
    await using scene = new OAuthScene();
    let page = "";
    const browsing: Promise<void>[] = [];
    const browse = async (url: string): Promise<void> => {
      const profile = `--user-data-dir=${join(scene.folder, "profile")}`;
      const { stdout } = await new Deno.Command(CHROMIUM ?? "", {
        args: ["--headless", "--no-sandbox", "--disable-gpu", profile, "--dump-dom", url],
        stdin: "null",
        stderr: "null",
      }).output();
      page = new TextDecoder().decode(stdout);
    };
    const pending = new PendingOperations();
    pending.add({ channel: scene.client.channel, clock: undefined });
    const gateway = createServerAuth(scene.config(), {
      pending,
      isInteractive: true,
      log: createLog({ write: () => {} }),
      folder: scene.store,
      waitMs: 60_000,
      openBrowser: (url) => {
        browsing.push(browse(url));
        return Promise.resolve(true);
      },
    });
    assert.ok(gateway !== undefined);
    assert.equal(await send(gateway, scene.server.url), 200);
    await Promise.all(browsing);
    assert.match(page, /<h1>Logged in to notes<\/h1>/);
    await gateway.close();
  },
});
