import { FORMS } from "../../scripts/shipped.ts";
import { type GatewayCommand, gatewayCommandLine } from "./gateway_command.ts";

/**
 * Forms of the program that the tests of the whole job run on: the one in `GATEWAY_COMMAND`, or all
 * that users get, and the command of the container image. A form that cannot be built here is skipped
 * with a message.
 */
export const EVERY_COMMAND: readonly GatewayCommand[] = Deno.env.get("GATEWAY_COMMAND")
  ? [Deno.env.get("GATEWAY_COMMAND") ?? ""]
  : await buildForms();

/**
 * The same without the image, for what is not done in a container, such as questions at a terminal: the image
 * runs the same bundle with the same Deno.
 */
export const LOCAL_COMMANDS: readonly GatewayCommand[] = EVERY_COMMAND.filter((command) => {
  return command !== "image";
});

async function buildForms(): Promise<GatewayCommand[]> {
  const made: GatewayCommand[] = [];
  const forms = Deno.build.os === "windows" ? FORMS : [...FORMS, "image"];
  for (const form of forms) {
    try {
      await gatewayCommandLine(form);
      made.push(form);
    } catch (error) {
      // The bundle and the package can be built wherever the tests run.
      if (form !== "executable") throw error;
      // deno-lint-ignore no-console
      console.error(`NOT TESTED: the compiled executable cannot be made here. ${error}`);
    }
  }
  return made;
}
