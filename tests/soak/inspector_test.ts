import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer, offeringServer, startGateway } from "../e2e/gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "../e2e/gateway_command.ts";
import { machineEnvironment, Setup } from "../e2e/setup.ts";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { installPackages, NODE_PACKAGE } from "./npm_packages.ts";

const INSPECTOR = "@modelcontextprotocol/inspector@2.12.0";

/** The Inspector needs Node 22. */
const NODE = `${NODE_PACKAGE}@22.23.3`;

const TOKEN = "amg_inspector";
const SERVERS = { odd: misbehavingServer(), first: offeringServer("--name=first") };
const AGENT = { allow: { servers: ["odd", "first"] } };

/** Result of a run of the Inspector. */
interface InspectorRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the Inspector with these arguments, in the working folder of a setup. */
type Inspect = (
  args: readonly string[],
  setup: Pick<Setup, "env" | "workingFolder">,
) => Promise<InspectorRun>;

/**
 * Installs the Inspector and a version of Node that runs it.
 *
 * @returns A function that runs the Inspector, or the reason if it cannot be installed on this machine.
 */
async function installInspector(folder: string): Promise<Inspect | string> {
  const reason = await installPackages(folder, [INSPECTOR, NODE]);
  if (reason !== undefined) return reason;
  const modules = join(folder, "node_modules");
  const inspector = join(modules, "@modelcontextprotocol", "inspector");
  const { bin } = JSON.parse(Deno.readTextFileSync(join(inspector, "package.json")));
  const [program] = Object.values<string>(bin);
  assert.ok(program);
  const node = join(
    modules,
    NODE_PACKAGE,
    "bin",
    Deno.build.os === "windows" ? "node.exe" : "node",
  );
  return async (args, { env, workingFolder: cwd }) => {
    const run = await new Deno.Command(node, {
      args: [join(inspector, program), "--cli", ...args],
      cwd,
      clearEnv: true,
      env: { ...machineEnvironment(), ...env },
      stdin: "null",
      signal: AbortSignal.timeout(60_000),
    }).output();
    const [stdout, stderr] = [run.stdout, run.stderr].map((text) => new TextDecoder().decode(text));
    return { code: run.code, stdout: stdout ?? "", stderr: stderr ?? "" };
  };
}

const folder = Deno.makeTempDirSync({ prefix: "inspector_" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const inspect = await installInspector(folder);

/** Runs the Inspector on a gateway. */
type RunInspector = (...args: string[]) => Promise<InspectorRun>;

/** Returns the result that the Inspector printed; throws if the Inspector failed. */
function readOutput({ code, stdout, stderr }: InspectorRun) {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** Lists the tools with the Inspector, calls each, and makes a call that is denied. */
async function checkTools(runInspector: RunInspector): Promise<void> {
  const call = (tool: string, ...args: string[]) => {
    const toolArgs = args.length === 0 ? [] : ["--tool-arg", ...args];
    return runInspector("--method", "tools/call", "--tool-name", tool, ...toolArgs);
  };
  const readResult = (run: InspectorRun) => JSON.parse(readOutput(run).content[0].text);

  const { tools } = readOutput(await runInspector("--method", "tools/list"));
  assert.deepEqual(tools.map(({ name }: { name: string }) => name), [
    "list_servers",
    "get_server_tools",
    "execute_tool",
  ]);
  assert.deepEqual(readResult(await call("list_servers")), [{ name: "odd" }, { name: "first" }]);
  const serverTools = readResult(await call("get_server_tools", "server=odd", "names=echo"));
  assert.equal(serverTools.tools[0].name, "echo");
  const echo = await call("execute_tool", "server=odd", "tool=echo", 'args={"text":"é\\r\\n"}');
  assert.deepEqual(readResult(echo).params.arguments, { text: "é\r\n" });
  const denied = await call("execute_tool", "server=other", "tool=x", "args={}");
  assert.notEqual(denied.code, 0);
  assert.match(denied.stdout, /DENIED_BY_POLICY/);
}

/** Lists resources, templates and prompts with the Inspector, and requests one of each. */
async function checkOffers(runInspector: RunInspector): Promise<void> {
  const list = async (method: string, member: string, key: string) => {
    const result = readOutput(await runInspector("--method", method));
    return result[member].map((item: Record<string, unknown>) => item[key]);
  };
  assert.ok((await list("resources/list", "resources", "uri")).includes("own://first"));
  const templates = await list("resources/templates/list", "resourceTemplates", "uriTemplate");
  assert.ok(templates.includes("own://first/{path}"));
  assert.ok((await list("prompts/list", "prompts", "name")).includes("first__greet"));

  for (const uri of ["own://first", "own://first/x"]) {
    const { contents } = readOutput(await runInspector("--method", "resources/read", "--uri", uri));
    assert.equal(contents[0].text, `first read ${uri}`);
  }
  const nowhere = await runInspector("--method", "resources/read", "--uri", "nowhere://x");
  assert.notEqual(nowhere.code, 0);
  const prompt = ["--method", "prompts/get", "--prompt-name", "first__greet"];
  const { messages } = readOutput(await runInspector(...prompt, "--prompt-args", "who=é"));
  assert.equal(messages[0].content.text, 'first greet {"who":"é"}');
}

/** Lists the tools of the direct face with the Inspector, and calls one. */
async function checkDirectTools(runInspector: RunInspector): Promise<void> {
  const { tools } = readOutput(await runInspector("--method", "tools/list"));
  const names: string[] = tools.map(({ name }: { name: string }) => name);
  assert.ok(names.includes("odd__echo") && names.includes("first__link"), `${names}`);
  assert.ok(!names.includes("execute_tool"));
  const call = ["--method", "tools/call", "--tool-name", "odd__echo", "--tool-arg", "text=é"];
  const { content } = readOutput(await runInspector(...call));
  assert.deepEqual(JSON.parse(content[0].text).params.arguments, { text: "é" });
}

if (typeof inspect === "string") {
  Deno.test({ name: `[http.clients] not run: ${inspect}`, ignore: true, fn: () => {} });
} else {
  const checks = {
    meta: [checkTools, checkOffers],
    direct: [checkDirectTools, checkOffers],
  };
  for (const [face, faceChecks] of Object.entries(checks)) {
    Deno.test(`[http.clients] the Inspector's command line works over HTTP with a bearer token and the ${face} face`, async () => {
      const rules = { agents: { a: { ...AGENT, token_sha256: [sha256(TOKEN)] } } };
      await using gateway = await startGateway({
        servers: SERVERS,
        rules,
        args: ["--face", face],
        transport: "http",
        initialize: false,
      });
      const inspectWith = (token: string) => (...args: string[]) => {
        const connection = [
          gateway.url,
          "--transport",
          "http",
          "--header",
          `Authorization: Bearer ${token}`,
        ];
        return inspect([...connection, ...args], gateway.setup);
      };
      for (const check of faceChecks) await check(inspectWith(TOKEN));
      assert.notEqual((await inspectWith("amg_wrong")("--method", "tools/list")).code, 0);
    });

    Deno.test(`[http.clients] the Inspector's command line works over stdio with the ${face} face`, async () => {
      const setup = new Setup({ servers: SERVERS, rules: { agents: { a: AGENT } } });
      try {
        const commandLine = await gatewayCommandLine(GATEWAY_COMMAND);
        const gatewayCommand = [...commandLine, "--agent", "a", "--face", face];
        const env = [`DENO_DIR=${setup.env.DENO_DIR}`, "GATEWAY_TRUST=1"].flatMap((variable) => [
          "-e",
          variable,
        ]);
        const runInspector = (...args: string[]) => {
          return inspect([...args, ...env, "--", ...gatewayCommand], setup);
        };
        for (const check of faceChecks) await check(runInspector);
      } finally {
        await setup.close(5000);
      }
    });
  }
}
