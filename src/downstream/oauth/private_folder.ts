import { identityAt } from "../../file_identity.ts";

/** The mode of a folder that only its owner can access. */
const OWNER_ONLY_MODE = 0o700;

/**
 * Creates a folder that only the user can access.
 *
 * @throws Any error of the system if the folder cannot be created or restricted.
 */
export async function createPrivateFolder(folder: string): Promise<void> {
  const isNew = identityAt(folder) === undefined;
  await Deno.mkdir(folder, { recursive: true, mode: OWNER_ONLY_MODE });
  if (Deno.build.os !== "windows") return await Deno.chmod(folder, OWNER_ONLY_MODE);
  // On Windows, the access list of a folder also applies to files that are added later, so it is
  // set once.
  if (!isNew) return;
  const { success } = await new Deno.Command("icacls", {
    args: listIcaclsArguments(folder, Deno.env),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("icacls could not restrict the folder");
}

/**
 * Returns the arguments with which `icacls` gives only the user access to a folder and its future
 * files.
 */
export function listIcaclsArguments(
  folder: string,
  env: { get(name: string): string | undefined },
): string[] {
  const [domain, name] = [env.get("USERDOMAIN"), env.get("USERNAME") ?? ""];
  const account = domain ? `${domain}\\${name}` : name;
  return [folder, "/inheritance:r", "/grant:r", `${account}:(OI)(CI)F`];
}
