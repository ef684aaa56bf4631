import assert from "node:assert/strict";
import { Budget } from "../../../src/budget.ts";
import { Links } from "../../../src/gateway/offered/links.ts";

Deno.test("[offered.links] links are found in the results of tools, prompts and resources", () => {
  const links = new Links();
  links.add("tools", {
    content: [
      { type: "text", text: "a://text" },
      { type: "resource_link", uri: "a://link", name: "link" },
      { type: "resource", resource: { uri: "a://embedded", text: "" } },
    ],
    structuredContent: { uri: "a://structured" },
  });
  links.add("prompts", {
    messages: [
      { role: "user", content: { type: "resource_link", uri: "a://prompt" } },
      { role: "user", content: { type: "resource", resource: { uri: "a://in-prompt" } } },
    ],
  });
  links.add("resources", { contents: [{ uri: "a://contents", text: "" }] });
  const servers = ["link", "embedded", "prompt", "in-prompt", "contents", "text", "structured"]
    .map((path) => links.serverOf(`a://${path}`));
  assert.deepEqual(servers, [
    "tools",
    "tools",
    "prompts",
    "prompts",
    "resources",
    undefined,
    undefined,
  ]);
});

Deno.test("[offered.links] a link belongs to the server that gave it last", () => {
  const links = new Links();
  const result = { content: [{ type: "resource_link", uri: "a://x" }] };
  links.add("first", result);
  links.add("second", result);
  assert.equal(links.serverOf("a://x"), "second");
  links.add("first", result);
  assert.equal(links.serverOf("a://x"), "first");
  assert.equal(links.size, 1);
});

Deno.test("[offered.links] parts that are no links are ignored", () => {
  const links = new Links();
  const odd = [null, 1, "a", [], {}, { type: "resource_link", uri: 7 }, { type: "resource" }, {
    type: "resource",
    resource: null,
  }, { type: "resource_link", uri: "a".repeat(4097) }];
  for (const value of [...odd, { content: odd, messages: odd, contents: odd }, { content: {} }]) {
    links.add("odd", value);
  }
  assert.equal(links.size, 0);
});

Deno.test("[offered.links] the links that were not used for longest are removed", () => {
  const links = new Links();
  const linkTo = (uri: string) => ({ content: [{ type: "resource_link", uri }] });
  links.add("files", linkTo("a://used"));
  links.add("files", linkTo("a://unused"));
  for (let n = 0; n < 5000; n++) {
    links.add("files", linkTo(`b://${n}`));
    links.serverOf("a://used");
  }
  assert.equal(links.size, 5000);
  assert.equal(links.serverOf("a://used"), "files");
  assert.equal(links.serverOf("a://unused"), undefined);
  // Long links are fewer.
  for (let n = 0; n < 1000; n++) links.add("files", linkTo(`${n}${"c".repeat(4000)}`));
  assert.ok(links.size <= 131, `There are ${links.size} links`);
  assert.equal(links.serverOf(`999${"c".repeat(4000)}`), "files");
});

Deno.test("[offered.links] links count towards the memory of their agent", () => {
  const memory = new Budget(100_000);
  const links = new Links(() => memory);
  const linkTo = (index: number) => `a://${index}/`.padEnd(4000, "x");
  for (let index = 0; index < 100; index++) {
    links.add("files", { content: [{ type: "resource_link", uri: linkTo(index) }] });
  }
  assert.ok(links.size > 1 && memory.used > 4000 * links.size && memory.used <= memory.max);
  assert.equal(links.serverOf(linkTo(99)), "files");
  links.close();
  links.add("files", { content: [{ type: "resource_link", uri: linkTo(0) }] });
  assert.equal(memory.used, 0);
});
