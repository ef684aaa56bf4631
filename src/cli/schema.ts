import { createFileSchema } from "../config/mod.ts";
import { choiceArgument, defineCommand } from "./command.ts";
import { jsonOutput } from "./terminal.ts";

export const command = defineCommand({
  about:
    "Prints the JSON Schema of the servers file, of the rules file, or of the cases of `test`. An editor " +
    'completes and checks a file that names it: "$schema": "./rules.schema.json".',
  example: "agent-mcp-gateway schema rules > rules.schema.json",
  args: [
    choiceArgument("Which file: servers, rules or tests", ["servers", "rules", "tests"]),
  ],
  async run({ args: [file], stdout }) {
    stdout.write(jsonOutput(JSON.stringify(await createFileSchema(file), null, 2)));
    return 0;
  },
});
