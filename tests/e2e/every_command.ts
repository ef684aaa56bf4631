import { SHIPPED_FORMS } from "../../scripts/shipped.ts";
import { type GatewayCommand, gatewayCommandLine } from "./gateway_command.ts";

/**
 * Forms of the program that the `whole_*` tests run: the form in `GATEWAY_COMMAND`, or else every form that
 * users get and the command of the container image. If the compiled executable cannot be built on this
 * machine, it is skipped with a message.
 */
export const EVERY_COMMAND: readonly GatewayCommand[] = Deno.env.get("GATEWAY_COMMAND")
  ? [Deno.env.get("GATEWAY_COMMAND") ?? ""]
  : await buildForms();

/**
 * `EVERY_COMMAND` without the image, for commands that nobody runs in a container, such as `init`. The image
 * runs the same bundle with the same Deno.
 */
export const LOCAL_COMMANDS: readonly GatewayCommand[] = EVERY_COMMAND.filter((command) => {
  return command !== "image";
});

async function buildForms(): Promise<GatewayCommand[]> {
  const forms: GatewayCommand[] = [];
  const candidates = Deno.build.os === "windows" ? SHIPPED_FORMS : [...SHIPPED_FORMS, "image"];
  for (const form of candidates) {
    try {
      await gatewayCommandLine(form);
      forms.push(form);
    } catch (error) {
      // Every other form can be built wherever the tests run.
      if (form !== "executable") throw error;
      // deno-lint-ignore no-console
      console.error(`NOT TESTED: the compiled executable cannot be built here. ${error}`);
    }
  }
  return forms;
}
