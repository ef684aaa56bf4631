import { FORMS } from "../../scripts/shipped.ts";
import { commandWords, type GatewayCommand } from "./gateway_command.ts";

/**
 * What the tests of the whole job are run for: what `GATEWAY_COMMAND` says, or every form of the
 * program that users get, that of the Dockerfile included. A form that cannot be made here is left out, loudly.
 */
export const EVERY_COMMAND: readonly GatewayCommand[] = Deno.env.get("GATEWAY_COMMAND")
  ? [Deno.env.get("GATEWAY_COMMAND") ?? ""]
  : await formsOfThisMachine();

async function formsOfThisMachine(): Promise<GatewayCommand[]> {
  const made: GatewayCommand[] = [];
  const forms = Deno.build.os === "windows" ? FORMS : [...FORMS, "image"];
  for (const form of forms) {
    try {
      await commandWords(form);
      made.push(form);
    } catch (error) {
      // The bundle and the package can be made wherever the tests run.
      if (form !== "executable") throw error;
      // deno-lint-ignore no-console
      console.error(`NOT TESTED: the compiled executable cannot be made here. ${error}`);
    }
  }
  return made;
}
