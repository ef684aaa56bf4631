import assert from "node:assert/strict";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { checkConfiguration, listSettings, locateFiles } from "../../src/config/mod.ts";
import { Metrics, writePrometheus } from "../../src/metrics/mod.ts";
import { HTTP_LIMITS } from "../../src/gateway/http/limits.ts";
import { SIGNAL_TIME_LIMITS } from "../../src/gateway/gateway_options.ts";
import { readDockerfile, readEnv } from "../scripts/dockerfile.ts";
import { ROOT } from "../e2e/gateway_command.ts";
import { Setup } from "../e2e/setup.ts";
import { Page } from "./page.ts";

const PAGE = new Page("docs/deployment.md");
const [COMPOSE = "", KUBERNETES = "", PROMETHEUS = "", ALERTS = ""] = PAGE.texts("yaml");
const IMAGE = readEnv(
  readDockerfile(Deno.readTextFileSync(join(ROOT, "Dockerfile"))).at(-1) ?? assert.fail(),
);
/** User id and group id of the gateway in the image. */
const USER_ID = 10001;

/** Maximum time until the gateway ends after a signal, in seconds. */
const MAX_END_S = (SIGNAL_TIME_LIMITS.callsMs + SIGNAL_TIME_LIMITS.gracePeriods.afterInputCloseMs +
  SIGNAL_TIME_LIMITS.gracePeriods.afterTerminateMs) / 1000;

/** Returns only the names of the gateway's own variables. */
function selectGatewayVariables(names: Iterable<string>): string[] {
  return [...names].filter((name) => name.startsWith("GATEWAY_"));
}

const SETTING_VARIABLES = new Set(listSettings().map(({ variable }) => variable));

/** Parses the Kubernetes manifest; returns the documents by kind. */
function parseManifest(): Map<string, Record<string, unknown>> {
  return new Map(
    parseAllDocuments(KUBERNETES).map((document) => {
      assert.deepEqual([document.errors, document.warnings], [[], []]);
      const value = document.toJS();
      return [value.kind, value];
    }),
  );
}

Deno.test("[docs.deployment] the compose file fits the image", () => {
  const { services: { gateway }, volumes } = parse(COMPOSE);
  const [port] = gateway.ports;
  assert.match(port, new RegExp(`^127\\.0\\.0\\.1:\\d+:${IMAGE.GATEWAY_PORT}$`));
  const targets = gateway.volumes.map((volume: string) => volume.split(":")[1]);
  assert.deepEqual(targets, ["/config", IMAGE.HOME]);
  assert.deepEqual(Object.keys(volumes), [gateway.volumes[1].split(":")[0]]);
  assert.ok(Number.parseInt(gateway.stop_grace_period) > MAX_END_S);
  const names = selectGatewayVariables(Object.keys(gateway.environment));
  assert.deepEqual(names.filter((name) => !SETTING_VARIABLES.has(name)), []);
});

Deno.test("[docs.deployment] the Kubernetes manifest fits the image", () => {
  const documents = parseManifest();
  assert.deepEqual([...documents.keys()], ["ConfigMap", "Secret", "Deployment", "Service"]);
  // deno-lint-ignore no-explicit-any
  const { Deployment, Secret, Service } = Object.fromEntries(documents) as Record<string, any>;
  const { spec, metadata } = Deployment.spec.template;
  const [gateway] = spec.containers;
  assert.deepEqual(metadata.labels, Deployment.spec.selector.matchLabels);
  assert.deepEqual(metadata.labels, Service.spec.selector);
  assert.equal(gateway.ports[0].containerPort, Number(IMAGE.GATEWAY_PORT));
  assert.deepEqual(
    [gateway.readinessProbe.httpGet.path, gateway.livenessProbe.httpGet.path],
    ["/ready", "/health"],
  );
  const pause = gateway.lifecycle.preStop.sleep.seconds;
  assert.ok(spec.terminationGracePeriodSeconds > pause + MAX_END_S);
  assert.deepEqual([spec.securityContext.runAsUser, spec.securityContext.fsGroup], [
    USER_ID,
    USER_ID,
  ]);
  const mounts = gateway.volumeMounts.map((mount: { mountPath: string }) => mount.mountPath);
  assert.deepEqual(mounts, ["/config", IMAGE.HOME, "/tmp"]);
  const names = selectGatewayVariables([
    ...gateway.env.map(({ name }: { name: string }) => name),
    ...Object.keys(Secret.stringData),
  ]);
  assert.equal(names.length, 4);
  assert.deepEqual(names.filter((name) => !SETTING_VARIABLES.has(name)), []);
  const [, maxHeldMib] = /GATEWAY_MAX_HELD\s+value: "(\d+)"/.exec(KUBERNETES) ?? [];
  const [, limitMib] = /^(\d+)Mi$/.exec(gateway.resources.limits.memory) ?? [];
  const [, ownMib] = /may take (\d+) MiB more than `GATEWAY_MAX_HELD`/.exec(PAGE.text) ?? [];
  assert.ok(Number(limitMib) >= Number(maxHeldMib) + Number(ownMib), `${limitMib} MiB`);
});

Deno.test("[docs.deployment] the two files in the manifest are valid", async () => {
  // deno-lint-ignore no-explicit-any
  const { ConfigMap, Secret } = Object.fromEntries(parseManifest()) as Record<string, any>;
  const files: Record<string, string> = ConfigMap.data;
  const setup = new Setup({ servers: false, rules: false, files, env: Secret.stringData });
  const folders = { home: setup.home, cwd: setup.workingFolder };
  const env = {
    get: (name: string): string | undefined => setup.env[name],
    toObject: () => setup.env,
  };
  const locatedFiles = locateFiles({}, folders);
  const { configuration, errors } = await checkConfiguration(locatedFiles, {
    env,
    cwd: setup.workingFolder,
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(configuration?.warnings, []);
  assert.equal(configuration.servers.get("tickets")?.unavailable, undefined);
  await setup.close();
});

Deno.test("[docs.deployment] the systemd unit sets existing variables, gives the gateway enough time to end, and has no setting that breaks it", () => {
  const lines = (PAGE.texts("ini")[0] ?? "").split("\n").filter((line) => !/^(#|\[|$)/.test(line));
  const settings = lines.map((line) =>
    /^([A-Za-z]+)=(.*)$/.exec(line)?.slice(1) ?? assert.fail(line)
  );
  const values = (name: string) => settings.filter(([key]) => key === name).map(([, v = ""]) => v);
  const names = selectGatewayVariables(
    values("Environment").map((text) => text.split("=")[0] ?? ""),
  );
  assert.deepEqual(names.filter((name) => !SETTING_VARIABLES.has(name)), []);
  assert.ok(Number(values("TimeoutStopSec")) > MAX_END_S);
  // Other kill modes end servers during calls, or leave servers running.
  assert.deepEqual(values("KillMode"), ["mixed"]);
  // This setting would stop the JavaScript compiler.
  assert.deepEqual(values("MemoryDenyWriteExecute"), []);
});

Deno.test("[docs.deployment] the figures on the page are those in the code", () => {
  const { scrape_configs: [job] } = parse(PROMETHEUS);
  assert.equal(job.metrics_path ?? "/metrics", "/metrics");
  const text = PAGE.text.replaceAll(/\s+/g, " ");
  assert.ok(text.includes(`\`SIGTERM\` ends it in ${MAX_END_S} seconds at most`));
  assert.ok(text.includes(`active calls get ${SIGNAL_TIME_LIMITS.callsMs / 1000} s`));
  assert.ok(text.includes(`the gateway takes ${HTTP_LIMITS.bodyBytes / 1024 ** 2} MiB`));
  assert.ok(text.includes(`within ${HTTP_LIMITS.keepAliveMs / 1000} s`));
  assert.ok(text.includes(`every ${HTTP_LIMITS.streamKeepAliveMs / 1000} s`));
});

Deno.test("[docs.deployment] the alerts use existing metrics", () => {
  const metrics = new Metrics();
  metrics.observe({ operation: "execute_tool", server: "files", code: "TIMEOUT", latencyMs: 1 });
  const text = writePrometheus(metrics);
  const rules: { expr: string }[] = parse(ALERTS).groups[0].rules;
  const names = rules.flatMap(({ expr }) => expr.match(/mcp_gateway_\w+/g) ?? []);
  assert.ok(names.length >= rules.length);
  for (const name of names) assert.match(text, new RegExp(`^${name}\\{server="files",`, "m"));
});
