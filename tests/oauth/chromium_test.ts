import assert from "node:assert/strict";
import { join } from "node:path";
import { createServerAuth, PendingOperations } from "../../src/downstream/mod.ts";
import { isFile } from "../../src/file_identity.ts";
import { createLog } from "../../src/log.ts";
import { OAuthFixture, sendRequest } from "./oauth_fixture.ts";

/** Name of an installed browser program, if there is one. */
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find((name) => {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => isFile(join(folder, name)));
});

Deno.test({
  name: "[oauth.browser] a real browser shows the page that reports success",
  ignore: CHROMIUM === undefined,
  fn: async () => {
    await using fixture = new OAuthFixture();
    let pageHtml = "";
    const browsing: Promise<void>[] = [];
    const browse = async (url: string): Promise<void> => {
      const profile = `--user-data-dir=${join(fixture.folder, "profile")}`;
      const { stdout } = await new Deno.Command(CHROMIUM ?? "", {
        args: ["--headless", "--no-sandbox", "--disable-gpu", profile, "--dump-dom", url],
        stdin: "null",
        stderr: "null",
      }).output();
      pageHtml = new TextDecoder().decode(stdout);
    };
    const pending = new PendingOperations();
    pending.add({ channel: fixture.client.channel, clock: undefined });
    const auth = createServerAuth(fixture.createConfig(), {
      pending,
      isInteractive: true,
      log: createLog({ write: () => {} }),
      folder: fixture.storeFolder,
      waitMs: 60_000,
      openBrowser: (url) => {
        browsing.push(browse(url));
        return Promise.resolve(true);
      },
    });
    assert.ok(auth !== undefined);
    assert.equal(await sendRequest(auth, fixture.server.url), 200);
    await Promise.all(browsing);
    assert.match(pageHtml, /<h1>Logged in to notes<\/h1>/);
    await auth.close();
  },
});
