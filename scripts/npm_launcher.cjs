#!/usr/bin/env node
// Starts the gateway with the Deno that npm installed as a dependency. Passes on standard input,
// signals and the exit code. Runs on Node.
"use strict";

const { spawn } = require("node:child_process");
const { dirname, join } = require("node:path");
const { permissions } = require("./package.json");

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"];

function start() {
  const isRelay = mayBeRelay();
  const name = isRelay ? "agent-mcp-gateway-relay.js" : "agent-mcp-gateway.js";
  const program = join(__dirname, name);
  const flags = ["run", "--quiet", "--no-config", "--no-lock", "--node-modules-dir=none"];
  // A relay keeps nothing: less room for garbage saves it 2 MB.
  if (isRelay) flags.push("--v8-flags=--max-semi-space-size=1");
  return spawn(findDeno(), [...flags, ...permissions, program, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: {
      ...process.env,
      AGENT_MCP_GATEWAY_LAUNCHER: JSON.stringify(ownCommand()),
      // Over HTTP, the gateway ends when this process is killed.
      AGENT_MCP_GATEWAY_LAUNCHER_PID: String(process.pid),
      // Otherwise Deno asks dl.deno.land for its newest version at each start.
      DENO_NO_UPDATE_CHECK: "1",
      ...(servesHttp() ? variablesForHttp() : {}),
    },
  });
}

// Whether the gateway serves several clients.
function servesHttp() {
  const flags = ` ${process.argv.slice(2).join(" ")} `;
  return process.env.GATEWAY_TRANSPORT === "http" || /\s--transport[ =]http\s/.test(flags);
}

// Settings of Deno for several clients, unless the user has chosen others.
function variablesForHttp() {
  return {
    // Deno reads its sockets after each step of work, and not only after 61 steps, so that one client's work does not
    // delay the others.
    DENO_TOKIO_EVENT_INTERVAL: process.env.DENO_TOKIO_EVENT_INTERVAL || "1",
    // The heap grows to twice what is in use before garbage is collected, and not to four times.
    DENO_V8_FLAGS: process.env.DENO_V8_FLAGS || "--heap-growing-percent=100",
  };
}

// Whether the process may only relay to a shared gateway. The program for that is small, and starts the gateway itself
// if the command line is for something else.
function mayBeRelay() {
  const [command = "serve", ...words] = process.argv.slice(2);
  const serves = command === "serve" || command.startsWith("--");
  return serves &&
    ([command, ...words].includes("--shared") || Boolean(process.env.GATEWAY_SHARED));
}

// npm installs the package of Deno for this platform. The package `deno` would only copy the program
// from there, in an install script that npm warns about and does not run.
function findDeno() {
  const libc = process.platform === "linux" ? "-glibc" : "";
  const name = `@deno/${process.platform}-${process.arch}${libc}`;
  try {
    const folder = dirname(require.resolve(`${name}/package.json`));
    return join(folder, process.platform === "win32" ? "deno.exe" : "deno");
  } catch (cause) {
    throw new Error(
      `${name} is not installed. If npm is configured to omit optional dependencies, install again ` +
        "with --include=optional",
      { cause },
    );
  }
}

// The command for a client's entry, which `init` writes. It has absolute paths even if npx started this
// file: in the working folder of a client, npx would run the programs in `node_modules/.bin`.
function ownCommand() {
  return [process.execPath, __filename];
}

function fail(error) {
  process.stderr.write(`Agent MCP Gateway cannot start Deno: ${error.message}\n`);
  process.exit(1);
}

function forward(child) {
  for (const signal of SIGNALS) {
    try {
      process.on(signal, () => {
        // At a terminal, Ctrl-C reaches the child as well; a second signal would end it immediately.
        if (signal === "SIGINT" && process.stdin.isTTY) return;
        child.kill(signal);
      });
    } catch {
      // This platform does not have the signal.
    }
  }
  child.on("error", fail);
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

try {
  forward(start());
} catch (error) {
  fail(error);
}
