import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listBrowserCommands, openBrowser } from "../../src/downstream/oauth/browser.ts";
import { serverCommand } from "../../src/downstream/server_command.ts";
import { isSafeAddress } from "../../src/downstream/oauth/safe_address.ts";

const LINK = "https://login.test/a?b=c&d=$(e)";

function listCommands(os: typeof Deno.build.os, env: Record<string, string>): string[][] {
  return listBrowserCommands(LINK, { os, env: new Map(Object.entries(env)) });
}

Deno.test("[oauth.addresses] the link is one argument of the system's program that opens links", () => {
  assert.deepEqual(listCommands("darwin", {}), [["open", LINK]]);
  assert.deepEqual(listCommands("windows", {}), [[
    "rundll32",
    "url.dll,FileProtocolHandler",
    LINK,
  ]]);
  assert.deepEqual(listCommands("linux", { DISPLAY: ":0" }), [["xdg-open", LINK]]);
  assert.deepEqual(listCommands("linux", { WAYLAND_DISPLAY: "w" }), [["xdg-open", LINK]]);
  assert.deepEqual(listCommands("linux", { WSL_DISTRO_NAME: "U" })[0], ["wslview", LINK]);
  // Without a display, no browser can open.
  assert.deepEqual(listCommands("linux", {}), []);
});

Deno.test("[oauth.addresses] BROWSER lists the programs to try, separated by colons except on Windows, and %s stands for the link", () => {
  assert.deepEqual(listCommands("linux", { BROWSER: "firefox --new-tab:lynx %s -x" }), [
    ["firefox", "--new-tab", LINK],
    ["lynx", LINK, "-x"],
  ]);
  assert.deepEqual(listCommands("windows", { BROWSER: "C:\\b.exe" }), [["C:\\b.exe", LINK]]);
  assert.deepEqual(listCommands("linux", { BROWSER: "none", DISPLAY: ":0" }), []);
});

Deno.test("[oauth.addresses] only https addresses and http addresses of this machine are safe", () => {
  const safe = [
    "https://a.test/x",
    "http://127.0.0.1:8/x",
    "http://127.8.8.8/",
    "http://localhost/",
    "http://a.localhost/",
    "http://[::1]:9/",
  ];
  for (const url of safe) assert.ok(isSafeAddress(new URL(url)), url);
  const unsafe = [
    "http://a.test/x",
    "http://127.0.0.1.evil.test/",
    "http://localhost.evil.test/",
    "http://10.0.0.1/",
    "https://bank.test@evil.test/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/html,x",
    "ftp://a.test/",
    "ms-settings:",
  ];
  for (const url of unsafe) assert.ok(!isSafeAddress(new URL(url)), url);
});

Deno.test("[oauth.addresses] an unsafe address is not passed to a program", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const env = new Map([["BROWSER", `touch ${folder}/created`]]);
    assert.equal(await openBrowser("file:///etc/passwd", { env }), false);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("[oauth.browser] if a browser fails, the next one is tried", async () => {
  const browserOptions = (BROWSER: string) => ({
    os: "linux" as const,
    env: new Map([["BROWSER", BROWSER]]),
  });
  assert.equal(await openBrowser(LINK, browserOptions("false:no-such-program-here")), false);
  assert.equal(await openBrowser(LINK, browserOptions("no-such-program-here:true")), true);
});

Deno.test("[oauth.browser] a link reaches the program unchanged", async () => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  const script = fileURLToPath(new URL("../fixtures/oauth/fake_browser.ts", import.meta.url));
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response("hello");
  });
  const logPath = join(folder, "log");
  const url = `http://127.0.0.1:${server.addr.port}/?a=1&b=$(x)%20%22;'`;
  try {
    const BROWSER = `${Deno.execPath()} run --allow-all --quiet --no-config ${script} ${logPath}`;
    assert.equal(
      await openBrowser(url, { os: "linux", env: new Map([["BROWSER", BROWSER]]) }),
      true,
    );
    assert.equal(Deno.readTextFileSync(logPath).split("\n")[0], `opened ${url}`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("[errors.auth-required] the command can be pasted into a shell, whatever the name of the server", () => {
  assert.equal(serverCommand("auth login", "git.hub-1"), "agent-mcp-gateway auth login git.hub-1");
  assert.equal(serverCommand("auth login", "-x"), "agent-mcp-gateway auth login -- '-x'");
  assert.equal(serverCommand("auth login", "a b'c"), "agent-mcp-gateway auth login -- 'a b'\\''c'");
});
