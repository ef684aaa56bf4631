/** Further gateways of the user of an approval test. */
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { type Fields, RawClient } from "./raw_client.ts";
import type { Setup } from "./setup.ts";

/** Starts a gateway in the environment of another one, with a client of its own. */
export async function startBeside({ env, workingFolder }: Setup): Promise<{
  readonly program: Program;
  call(id: string): Promise<Fields>;
}> {
  const [command, ...args] = await gatewayCommandLine(GATEWAY_COMMAND);
  const program = new Program({
    command,
    args: [...args, "--agent", "writer"],
    cwd: workingFolder,
    env: { ...environmentWithoutDeno(GATEWAY_COMMAND), ...env },
  });
  const client = new RawClient(program);
  await client.initialize();
  return {
    program,
    call: async (id) => {
      const params = {
        name: "execute_tool",
        arguments: { server: "notes", tool: "plain", args: { id } },
      };
      return (await client.request("tools/call", params)).result ?? {};
    },
  };
}
