import assert from "node:assert/strict";
import { Ajv } from "@modelcontextprotocol/client/validators/ajv";
import { parse } from "jsonc-parser";
import { checkConfiguration, createFileSchema, locateFiles } from "../../src/config/mod.ts";
import { createEnvironment } from "../config/check_files.ts";
import { runOnce } from "../e2e/run_once.ts";

type Schema = { [key: string]: unknown };

const configFolder = new URL("../../config/", import.meta.url);
const goldenFolder = new URL("../golden/config/", import.meta.url).pathname;

/** Creates a function that checks a value against one of the schemas. */
async function createValidator(file: "servers" | "rules" | "tests") {
  const ajv = new Ajv({ strict: true, strictRequired: false, strictTypes: false });
  for (const word of ["allowComments", "allowTrailingCommas"]) ajv.addKeyword(word);
  return ajv.compile(await createFileSchema(file));
}

for (const file of ["servers", "rules", "tests"] as const) {
  Deno.test(`[config.json-schema] [cli.schema] config/${file}.schema.json is current`, async () => {
    const { code, stdout } = await runOnce(["schema", file], { servers: false, rules: false });
    assert.equal(code, 0);
    const committed = new URL(`${file}.schema.json`, configFolder);
    if (Deno.env.get("GOLDEN") === "write") Deno.writeTextFileSync(committed, `${stdout}\n`);
    assert.equal(`${stdout}\n`, Deno.readTextFileSync(committed));
  });

  Deno.test(`[config.json-schema] every key of the ${file} file has an example and a description`, async () => {
    let count = 0;
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      const { properties, oneOf: _branches, if: _if, ...otherMembers } = value as Schema;
      for (const [key, child] of Object.entries((properties ?? {}) as Record<string, Schema>)) {
        assert.ok(Array.isArray(child["examples"]), `${path}.${key} has no example`);
        assert.equal(typeof child["description"], "string", `${path}.${key}`);
        count++;
        visit(child, `${path}.${key}`);
      }
      for (const [key, child] of Object.entries(otherMembers)) {
        if (key !== "examples" && key !== "default") visit(child, `${path}.${key}`);
      }
    };
    visit(await createFileSchema(file), "");
    assert.ok(count > (file === "tests" ? 9 : 15), `${count} keys`);
  });

  Deno.test(`[config.json-schema] the examples of the ${file} file are valid`, async () => {
    const ajv = new Ajv({ strict: false });
    const visit = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      const { examples, ...schema } = value as Schema;
      for (const example of Array.isArray(examples) ? examples : []) {
        assert.ok(ajv.validate(schema, example), JSON.stringify(example));
      }
      Object.values(schema).forEach(visit);
    };
    visit(await createFileSchema(file));
  });
}

/** The golden folders with errors of syntax, which JSON Schema cannot detect. */
const SYNTAX_ERROR_FOLDERS =
  /^(duplicate_keys|trailing_commas|syntax_\w+|too_deep|brackets_\w+|comma_missing)$/;

Deno.test("[config.json-schema] a schema refuses the same files as the gateway", async () => {
  const validators = {
    mcp: await createValidator("servers"),
    rules: await createValidator("rules"),
  };
  const env = createEnvironment({
    HOME: "/home/someone",
    SET: "value",
    EMPTY: "",
    HOST: "example.com",
  });
  let [accepted, refused] = [0, 0];
  for (const { name } of Deno.readDirSync(goldenFolder)) {
    if (SYNTAX_ERROR_FOLDERS.test(name)) continue;
    const cwd = `${goldenFolder}${name}`;
    const fileFlags = { mcpConfig: "mcp.json", rules: "rules.json" };
    const files = locateFiles(fileFlags, { home: undefined, cwd });
    const { errors } = await checkConfiguration(files, { env, cwd, windows: false });
    for (const file of ["mcp", "rules"] as const) {
      const value = readValue(`${cwd}/${file}.json`);
      if (value === undefined) continue;
      const fileErrors = errors.filter((error) => error.file === `${file}.json`);
      // A schema cannot find errors between entries, such as a token that two agents share. Nor does it know whether an
      // entry with the own server's name starts this gateway, which is no error.
      const undetectable =
        /has the same token|set `jwks_url` to|cannot wait longer than its approval|name of the gateway's own server/;
      const hasError = fileErrors.some(({ message }) => !undetectable.test(message));
      const isValid = validators[file](value);
      assert.equal(
        isValid,
        !hasError,
        `${name}/${file}.json ${JSON.stringify(validators[file].errors)}`,
      );
      if (hasError) refused++;
      else accepted++;
    }
  }
  assert.ok(accepted > 25 && refused > 20, `${accepted} accepted, ${refused} refused`);
  for (
    const [file, validate] of [[".mcp.json", validators.mcp], [
      ".mcp-gateway-rules.json",
      validators.rules,
    ]] as const
  ) {
    const value = parse(Deno.readTextFileSync(new URL(file, configFolder)));
    assert.ok(validate(value), JSON.stringify(validate.errors));
  }
});

/** Reads a JSON file with comments; returns `undefined` if it cannot be parsed. */
function readValue(path: string): unknown {
  try {
    const errors: never[] = [];
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
    const value = parse(text, errors, { disallowComments: false });
    return errors.length === 0 ? value : undefined;
  } catch {
    // The path is a folder or missing, or the file is not UTF-8.
    return undefined;
  }
}

Deno.test("[config.json-schema] $schema is accepted in both files", async () => {
  const servers = '{"$schema": "./servers.schema.json", "mcpServers": {}}';
  const rules = '{"$schema": "./rules.schema.json", "agents": {}}';
  const { code } = await runOnce(["validate", "--strict"], { servers, rules });
  assert.equal(code, 0);
});
