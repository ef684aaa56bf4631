import assert from "node:assert/strict";
import {
  createChildEnvironment,
  DEPTH_VARIABLE,
  getCatalogsFolder,
  getHomeFolder,
  getOAuthFolder,
  getStateFilePath,
  MAX_DEPTH,
  readDepth,
} from "../../src/config/mod.ts";
import { ConfigError } from "../../src/errors.ts";
import { createEnvironment } from "./check_files.ts";

const emptyEntry = { env: {}, inheritEnv: [] };

const safeVariables = {
  PATH: "/bin",
  HOME: "/home/someone",
  USER: "someone",
  LOGNAME: "someone",
  SHELL: "/bin/sh",
  LANG: "C",
  LC_ALL: "C",
  TZ: "UTC",
  TERM: "dumb",
  TMPDIR: "/tmp",
  XDG_CACHE_HOME: "/cache",
  HTTPS_PROXY: "http://proxy",
  no_proxy: "localhost",
  SSL_CERT_FILE: "/ca.pem",
  NODE_EXTRA_CA_CERTS: "/ca.pem",
  npm_config_registry: "https://example.com",
  NPM_CONFIG_CAFILE: "/ca.pem",
};
const windowsVariables = {
  SystemRoot: "C:\\Windows",
  PATHEXT: ".EXE",
  APPDATA: "a",
  LOCALAPPDATA: "b",
  USERPROFILE: "c",
  TEMP: "d",
  ComSpec: "cmd.exe",
};
const otherVariables = {
  AWS_SECRET_ACCESS_KEY: "x",
  GATEWAY_RULES: "r.json",
  DATABASE_URL: "y",
  path: "z",
};

Deno.test("[servers.safe-environment] a process gets only the safe variables and its depth", () => {
  const env = createEnvironment({ ...safeVariables, ...windowsVariables, ...otherVariables });
  const child = createChildEnvironment(emptyEntry, env, { windows: false });
  assert.deepEqual(child, { ...safeVariables, [DEPTH_VARIABLE]: "1" });
});

Deno.test("[servers.safe-environment] secrets of npm and passwords of proxies and registries are passed on only by name", () => {
  const secrets = {
    npm_config__auth: "canary",
    NPM_CONFIG__AUTHTOKEN: "canary",
    "npm_config_//packages.example.com/:_authToken": "canary",
    "npm_config_//packages.example.com/:_password": "canary",
    npm_config_cert: "canary",
    npm_config_key: "canary",
    npm_config_keyfile: "canary",
    NPM_CONFIG_OTP: "canary",
    npm_config_secret: "canary",
    XDG_API_TOKEN: "canary",
    LC_DB_PASSWORD: "canary",
  };
  const addresses = {
    HTTPS_PROXY: "http://user:canary@proxy:3128",
    http_proxy: "user:canary@proxy:3128",
    ALL_PROXY: "socks5h://user:can@ary@proxy",
    all_proxy: "http://user:can/ary@proxy:1",
    FTP_PROXY: "http://user:can?a#ry@proxy",
    HTTP_PROXY: " http://user:canary@proxy",
    npm_config_https_proxy: "http://canary@proxy/",
    npm_config_proxy: "//user:canary@proxy",
    npm_config_disturl: "//user:canary@dist.example.com/",
    npm_config_mirror: "https://user:can/ary@mirror.example.com/",
    npm_config_package: "https://mirror.example.com:443/a@b",
    npm_config_registry: "https://user:canary@packages.example.com/a@b",
    NO_PROXY: "localhost,.example.com",
  };
  const env = createEnvironment({ ...secrets, ...addresses });
  assert.deepEqual(createChildEnvironment(emptyEntry, env, { windows: false }), {
    HTTPS_PROXY: "http://proxy:3128",
    http_proxy: "proxy:3128",
    ALL_PROXY: "socks5h://proxy",
    all_proxy: "http://proxy:1",
    FTP_PROXY: "http://proxy",
    HTTP_PROXY: "http://proxy",
    npm_config_https_proxy: "http://proxy/",
    npm_config_proxy: "//proxy",
    npm_config_disturl: "//dist.example.com/",
    npm_config_mirror: "https://mirror.example.com/",
    npm_config_package: "https://mirror.example.com:443/a@b",
    npm_config_registry: "https://packages.example.com/a@b",
    NO_PROXY: "localhost,.example.com",
    [DEPTH_VARIABLE]: "1",
  });
  const names = ["npm_config__auth", "HTTPS_PROXY"];
  assert.deepEqual(
    createChildEnvironment({ env: {}, inheritEnv: names }, env, { windows: false }),
    {
      ...createChildEnvironment(emptyEntry, env, { windows: false }),
      npm_config__auth: "canary",
      HTTPS_PROXY: "http://user:canary@proxy:3128",
    },
  );
});

Deno.test("[servers.safe-environment] on Windows, there are more safe variables, and names are case-insensitive", () => {
  const env = createEnvironment({ Path: "C:\\bin", ...windowsVariables, DATABASE_URL: "y" });
  const child = createChildEnvironment(emptyEntry, env, { windows: true });
  assert.deepEqual(child, { Path: "C:\\bin", ...windowsVariables, [DEPTH_VARIABLE]: "1" });
});

Deno.test("[servers.inherit-env] named variables are inherited, but the entry's own variables take precedence", () => {
  const env = createEnvironment({ ...otherVariables, HOME: "/home/someone" });
  const server = { env: { HOME: "/srv", OWN: "1" }, inheritEnv: ["DATABASE_URL", "ABSENT"] };
  assert.deepEqual(createChildEnvironment(server, env, { windows: false }), {
    HOME: "/srv",
    OWN: "1",
    DATABASE_URL: "y",
    [DEPTH_VARIABLE]: "1",
  });
});

Deno.test("[servers.inherit-env] on Windows an entry's Path replaces PATH, and names are case-insensitive", () => {
  const env = createEnvironment({ PATH: "a", Database_Url: "y" });
  const server = { env: { Path: "b" }, inheritEnv: ["DATABASE_URL"] };
  assert.deepEqual(createChildEnvironment(server, env, { windows: true }), {
    Path: "b",
    Database_Url: "y",
    [DEPTH_VARIABLE]: "1",
  });
  assert.equal(createChildEnvironment(server, env, { windows: false })["PATH"], "a");
});

Deno.test("[nesting.depth] each gateway adds one to the depth, whatever the entry contains, and an invalid depth is an error", () => {
  const environmentAtDepth = (depth: string) => createEnvironment({ [DEPTH_VARIABLE]: depth });
  assert.equal(readDepth(createEnvironment({})), 0);
  assert.equal(readDepth(environmentAtDepth("")), 0);
  assert.equal(readDepth(environmentAtDepth(String(MAX_DEPTH))), 3);
  const server = { env: { [DEPTH_VARIABLE]: "0" }, inheritEnv: [] };
  assert.equal(
    createChildEnvironment(server, environmentAtDepth("2"), { windows: false })[DEPTH_VARIABLE],
    "3",
  );
  for (const text of ["-1", "x", "1.5", " 1", "1e9"]) {
    assert.throws(() => readDepth(environmentAtDepth(text)), ConfigError, text);
  }
});

Deno.test({
  name:
    "[servers.safe-environment] if Deno may not list variables, the variables with known names are read",
  permissions: { env: ["HOME", "PATH", "SOME_OTHER", DEPTH_VARIABLE] },
  fn() {
    const child = createChildEnvironment({ env: {}, inheritEnv: ["SOME_OTHER"] }, Deno.env);
    assert.equal(child["PATH"], Deno.env.get("PATH"));
    assert.ok(Object.keys(child).every((name) => ["HOME", "PATH", DEPTH_VARIABLE].includes(name)));
  },
});

Deno.test("[config.tilde] the home folder is HOME, or on Windows USERPROFILE if HOME is not set", () => {
  const both = createEnvironment({ HOME: "/a", USERPROFILE: "/b" });
  const profile = createEnvironment({ HOME: "", USERPROFILE: "/b" });
  assert.equal(getHomeFolder(both, { windows: true }), "/a");
  assert.equal(getHomeFolder(profile, { windows: true }), "/b");
  assert.equal(getHomeFolder(profile, { windows: false }), undefined);
});

Deno.test("[config.trust] a relative path in a variable for a folder is ignored", () => {
  const relative = {
    ...{
      XDG_CONFIG_HOME: "cfg",
      XDG_STATE_HOME: "./state",
      APPDATA: "cfg",
      LOCALAPPDATA: "C:state",
    },
    ...{ HOME: "/home/me", USERPROFILE: "profile" },
  };
  const env = createEnvironment(relative);
  for (const windows of [false, true]) {
    const [config, state] = windows
      ? ["AppData/Roaming", "AppData/Local"]
      : [".config", ".local/state"];
    assert.equal(getOAuthFolder(env, { windows }), `/home/me/${config}/agent-mcp-gateway/oauth`);
    assert.equal(
      getStateFilePath(env, "x", { windows }),
      `/home/me/${state}/agent-mcp-gateway/x`,
    );
  }
  const { HOME: _, ...withoutHome } = relative;
  assert.equal(getOAuthFolder(createEnvironment(withoutHome), { windows: true }), undefined);
  assert.equal(getCatalogsFolder(createEnvironment(withoutHome), { windows: true }), undefined);
});

Deno.test("[catalogs.file] catalogs are in the cache folder of the platform", () => {
  const folderOf = (env: Record<string, string>, windows: boolean) => {
    return getCatalogsFolder(createEnvironment(env), { windows });
  };
  const name = "agent-mcp-gateway/catalogs";
  assert.equal(folderOf({ HOME: "/home/me" }, false), `/home/me/.cache/${name}`);
  assert.equal(folderOf({ HOME: "/home/me", XDG_CACHE_HOME: "/c" }, false), `/c/${name}`);
  assert.equal(
    folderOf({ HOME: "/home/me", XDG_CACHE_HOME: "c" }, false),
    `/home/me/.cache/${name}`,
  );
  const profile = { USERPROFILE: "C:\\Users\\me" };
  assert.equal(folderOf(profile, true), `C:\\Users\\me/AppData/Local/${name}`);
  assert.equal(folderOf({ ...profile, LOCALAPPDATA: "D:\\local" }, true), `D:\\local/${name}`);
});
