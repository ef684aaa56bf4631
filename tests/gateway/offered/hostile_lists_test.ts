import assert from "node:assert/strict";
import { openTransport, Processes } from "../../../src/downstream/mod.ts";
import { ClientOffers } from "../../../src/gateway/offered/mod.ts";
import { findResource, type SearchContext } from "../../../src/gateway/offered/find_resource.ts";
import { listOffered } from "../../../src/gateway/offered/list_offered.ts";
import { createLog } from "../../../src/log.ts";
import { compilePolicy } from "../../../src/policy/mod.ts";
import { DownstreamFixture } from "../../contract/downstream_fixture.ts";
import { runScriptedServer, type Script } from "../../contract/scripted_server.ts";
import { cpuMs } from "../../cpu_time.ts";
import { readRules } from "../../policy/read_rules.ts";

/** Maximum CPU time for which other calls may wait, in milliseconds. */
const MAX_TURN_MS = 100;

/** A server in this process with many resources or templates. */
class HostileServer implements AsyncDisposable {
  readonly #fixture: DownstreamFixture;
  readonly #offers = new ClientOffers({ notify: () => true, log: createLog({ level: "error" }) });

  constructor(lists: NonNullable<Script["lists"]>) {
    const processes = new Processes(0, createLog());
    this.#fixture = new DownstreamFixture({
      connect: (script) => ({
        kind: "memory",
        serve: (channel) => {
          const exit = () => void channel.close();
          runScriptedServer(channel, script, { printToStderr: () => {}, exit });
        },
      }),
      open: (config, options) => openTransport(config, { ...options, processes }),
      close: () => processes.close(),
    }, { script: { capabilities: { resources: {} }, lists } });
  }

  /** Returns the context of a search for an agent that may use the server but few of its resources. */
  get context(): SearchContext {
    const { server, client } = this.#fixture;
    const rules = {
      agents: {
        agent: {
          allow: { servers: ["*"] },
          deny: { resources: { files: ["*x?x?x?x*x*x*y", "a://*/item_*"] } },
        },
      },
    };
    return {
      servers: [server],
      caller: client.asAgent("agent"),
      policy: compilePolicy(readRules(rules)),
      offers: this.#offers,
      maxNameLength: 64,
      signal: new AbortController().signal,
    };
  }

  /** Returns the number of items that the gateway knows. */
  countKnown(kind: "resources" | "templates"): number | undefined {
    const { server, client } = this.#fixture;
    return server.knownList(kind, client.asAgent("agent"))?.items.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#offers.close();
    await this.#fixture[Symbol.asyncDispose]();
  }
}

/** Returns the longest turn of the event loop during some work, in milliseconds of CPU time. */
async function measureLongestTurn(work: () => Promise<unknown>): Promise<number> {
  let hasEnded = false;
  const end = (): void => void (hasEnded = true);
  let longestMs = 0;
  let turnStartMs = cpuMs();
  const working = work();
  working.then(end, end);
  while (!hasEnded) {
    await new Promise((resolve) => setTimeout(resolve));
    longestMs = Math.max(longestMs, cpuMs() - turnStartMs);
    turnStartMs = cpuMs();
  }
  await working;
  return longestMs;
}

Deno.test("[security.many-resources] a list of 10,000 resources that the rules deny occupies the gateway for at most 100 ms of CPU time at once", async () => {
  const resources = Array.from({ length: 10_000 }, (_, index) => {
    const uri = `a://host/x/../%2e%2e/item_${index}_${"x".repeat(60)}`;
    return JSON.stringify({ uri, name: "x".repeat(200) });
  });
  await using hostile = new HostileServer({ resources: [resources] });
  const { context } = hostile;
  const list = () =>
    listOffered({ kind: "listing", list: "resources", cursor: undefined }, {
      ...context,
      serverNames: ["files"],
    });
  assert.equal((await list()).json, '{"resources":[]}');
  assert.equal(hostile.countKnown("resources"), 10_000);
  const longestMs = await measureLongestTurn(list);
  assert.ok(longestMs < MAX_TURN_MS, `${longestMs} ms`);
});

Deno.test("[security.many-resources] 400 templates that a URI almost matches occupy the gateway for at most 100 ms of CPU time at once", async () => {
  const templates = Array.from({ length: 400 }, (_, index) => {
    const uriTemplate = `x://${"{a}b".repeat(14)}{a${index}}b`;
    return JSON.stringify({ uriTemplate, name: "a" });
  });
  await using hostile = new HostileServer({ resourceTemplates: [templates] });
  const { context } = hostile;
  const find = () => findResource(`x://${"ab".repeat(1000)}/${"ab".repeat(1000)}`, context);
  assert.equal(await find(), undefined);
  assert.equal(hostile.countKnown("templates"), 400);
  const longestMs = await measureLongestTurn(find);
  assert.ok(longestMs < MAX_TURN_MS, `${longestMs} ms`);
});
