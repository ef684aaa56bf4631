import { sha256 } from "../../sha256.ts";

/** Length of a digest, in hexadecimal digits: it shows whether two values are equal, and is too short to find one. */
const DIGEST_LENGTH = 8;

/** Returns a short digest of each variable, by which `ps` compares daemons without the values. */
export async function digestVariables(
  variables: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const digests = Object.entries(variables).map(async ([name, value]) => {
    return [name, (await sha256(`${name}=${value}`)).slice(0, DIGEST_LENGTH)] as const;
  });
  return Object.fromEntries(await Promise.all(digests));
}
