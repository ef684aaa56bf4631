/** Maximum duration of an installation. */
const INSTALL_MS = 300_000;

/** Error codes of npm when there is no network. */
const NO_NETWORK = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH|NETUNREACH)\b/;

/** Name of the npm package that contains Node for this machine, on which no recent Node may be installed. */
export const NODE_PACKAGE: string = `node-${nodePlatform()}`;

/** Returns the name of this platform in npm packages, such as `linux-x64`, `darwin-arm64` or `win-x64`. */
export function nodePlatform(): string {
  const os = { darwin: "darwin", windows: "win" }[Deno.build.os as string] ?? "linux";
  return `${os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
}

/**
 * Installs packages from npm, without their install scripts.
 *
 * @param folder Parent folder of `node_modules`.
 * @param packages Names with exact versions.
 * @returns The reason if there is no network or npm takes too long; `undefined` once they are installed.
 * @throws {Error} if npm fails for another reason.
 */
export async function installPackages(
  folder: string,
  packages: readonly string[],
): Promise<string | undefined> {
  const npm = Deno.build.os === "windows" ? "npm.cmd" : "npm";
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"];
  const signal = AbortSignal.timeout(INSTALL_MS);
  const output = await new Deno.Command(npm, {
    args: ["install", "--prefix", folder, ...flags, ...packages],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    signal,
  }).output();
  if (signal.aborted) return `${packages[0]} was not installed within ${INSTALL_MS / 1000} s`;
  if (output.success) return undefined;
  const stderr = new TextDecoder().decode(output.stderr);
  const [code] = NO_NETWORK.exec(stderr) ?? [];
  if (code === undefined) throw new Error(`npm could not install ${packages.join(" ")}: ${stderr}`);
  return `${packages[0]} cannot be downloaded: ${code}`;
}
