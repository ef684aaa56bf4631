import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** A public address, which only the network of the test has. */
const PUBLIC_ADDRESS = "20.30.40.50";

/**
 * Creates a network namespace with one public address and with its own names. A temporary file system
 * over /etc would hide certificates, so single files are replaced.
 */
const NETWORK_SCRIPT = `set -e
ip link set lo up
ip addr add ${PUBLIC_ADDRESS}/32 dev lo
folder=$(mktemp -d)
mount -t tmpfs none "$folder"
printf '127.0.0.1 localhost\\n%s remote.example\\n' "$SERVER_ADDRESS" >"$folder/hosts"
printf 'nameserver 127.0.0.1\\n' >"$folder/resolv.conf"
mount --bind "$folder/hosts" /etc/hosts
mount --bind "$folder/resolv.conf" "$(readlink -f /etc/resolv.conf)"
exec "$@"`;

/**
 * Runs a command in the network.
 *
 * @param serverAddress The address of `remote.example` in the DNS of the gateway.
 */
async function runInNetwork(
  serverAddress: string,
  ...command: string[]
): Promise<Deno.CommandOutput | undefined> {
  try {
    return await new Deno.Command("unshare", {
      args: ["-rmn", "sh", "-c", NETWORK_SCRIPT, "network", ...command],
      env: { SERVER_ADDRESS: serverAddress },
      stdin: "null",
    }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether this machine lets the test create a network. */
const hasNetworks = Deno.build.os === "linux" &&
  (await runInNetwork(PUBLIC_ADDRESS, "true"))?.success === true;

/** The member of the login that names an address on this machine, and the error for the agent. */
const ATTACKS: Readonly<Record<string, RegExp>> = {
  "resource metadata": /asks for a login, but it names http:\/\/127\.0\.0\.1:\d+, which is on this/,
  "authorization server": /it names http:\/\/127\.0\.0\.1:\d+, which is on this machine, although/,
  "registration endpoint": /it names http:\/\/127\.0\.0\.1:\d+, which is on this machine, although/,
  "token endpoint": /it names http:\/\/127\.0\.0\.1:\d+, which is on this machine, although/,
  "login page": /it names http:\/\/127\.0\.0\.1:\d+, which is on this machine, although/,
  "changing name": /it names https:\/\/changing\.example:\d+, which is on this machine, although/,
};

interface AttackResult {
  /** The answer to the agent. */
  readonly answer: string;
  /** The first bytes of each connection to a service on this machine. */
  readonly received: readonly string[];
  readonly publicRequests: readonly string[];
}

async function runAttack(serverAddress: string, ...args: string[]): Promise<AttackResult> {
  const script = fileURLToPath(new URL("hostile_network.ts", import.meta.url));
  const output = await runInNetwork(
    serverAddress,
    ...[Deno.execPath(), "run", "--quiet", "--no-check", "--no-prompt", "--allow-all"],
    ...[script, PUBLIC_ADDRESS, ...args],
  );
  const stdout = new TextDecoder().decode(output?.stdout);
  assert.ok(output?.success, new TextDecoder().decode(output?.stderr) + stdout);
  return JSON.parse(stdout);
}

for (const [attack, expected] of Object.entries(ATTACKS)) {
  Deno.test({
    name:
      `[oauth.named-addresses] [oauth.dial] a public server does not make the gateway send anything to a service on this machine: ${attack}`,
    ignore: !hasNetworks,
    async fn() {
      const { answer, received, publicRequests } = await runAttack(PUBLIC_ADDRESS, attack);
      assert.match(answer, expected);
      assert.deepEqual(received, []);
      assert.ok(publicRequests.includes("POST /mcp"), publicRequests.join());
    },
  });
}

for (const attack of ["resource metadata", "registration endpoint"]) {
  Deno.test({
    name:
      `[oauth.named-addresses] a server behind a proxy does not count as on this machine because its DNS says so: ${attack}`,
    ignore: !hasNetworks,
    async fn() {
      const { answer, received, publicRequests } = await runAttack("127.0.0.1", attack, "proxy");
      assert.match(
        answer,
        /it names http:\/\/127\.0\.0\.1:\d+, which is on this machine, although/,
      );
      assert.deepEqual(received, []);
      assert.ok(publicRequests.includes("POST /mcp"), publicRequests.join());
    },
  });
}

Deno.test({
  name:
    "[oauth.named-addresses] [oauth.dial] for a host in NO_PROXY, the address of the connection is checked: changing name",
  ignore: !hasNetworks,
  async fn() {
    const { answer, received } = await runAttack(PUBLIC_ADDRESS, "changing name", "no-proxy");
    assert.match(answer, /it names https:\/\/changing\.example:\d+, which is on this machine/);
    assert.deepEqual(received, []);
  },
});
