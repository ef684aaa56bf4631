import { identityAt } from "../../file_identity.ts";

/** Gives access to the owner only. */
const FOLDER_MODE = 0o700;

/**
 * Makes a folder that only the user can access.
 *
 * @throws Any error of the system, if the folder cannot be made or restricted.
 */
export async function makePrivateFolder(folder: string): Promise<void> {
  const isNew = identityAt(folder) === undefined;
  await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (Deno.build.os !== "windows") return await Deno.chmod(folder, FOLDER_MODE);
  // On Windows this takes a program, and also applies to files that are added later.
  if (!isNew) return;
  const { success } = await new Deno.Command("icacls", {
    args: accessArguments(folder, Deno.env),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("icacls could not restrict the folder");
}

/** Arguments with which `icacls` limits access to a folder and its future files to the user. */
export function accessArguments(
  folder: string,
  env: { get(name: string): string | undefined },
): string[] {
  const [domain, name] = [env.get("USERDOMAIN"), env.get("USERNAME") ?? ""];
  const user = domain ? `${domain}\\${name}` : name;
  return [folder, "/inheritance:r", "/grant:r", `${user}:(OI)(CI)F`];
}
