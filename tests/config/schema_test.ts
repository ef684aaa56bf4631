import assert from "node:assert/strict";
import * as z from "zod/mini";
import { rulesSchema } from "../../src/config/rules_schema.ts";
import { serversSchema } from "../../src/config/servers_schema.ts";
import { didYouMean } from "../../src/similar_names.ts";
import { editDistance } from "../../src/similar_names.ts";

type Schema = { [key: string]: unknown; properties?: Record<string, Schema> };

const schemas = { servers: serversSchema, rules: rulesSchema };

for (const [name, schema] of Object.entries(schemas)) {
  Deno.test(`[config.json-schema] every key of the ${name} file has a description`, () => {
    const json = z.toJSONSchema(schema, { io: "input" }) as Schema;
    let count = 0;
    const visit = (value: unknown, path: string) => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, child] of Object.entries((value as Schema).properties ?? {})) {
        assert.ok(typeof child["description"] === "string", `${path}.${key}`);
        count++;
      }
      for (const [key, child] of Object.entries(value)) visit(child, `${path}.${key}`);
    };
    visit(json, "");
    assert.ok(count > 10, `${count} keys`);
  });
}

Deno.test("[config.json-schema] defaults, ranges and closed objects are in the schema", () => {
  const servers = JSON.stringify(z.toJSONSchema(serversSchema, { io: "input" }));
  assert.match(servers, /"default":"agent"/);
  assert.match(servers, /"minimum":1,"maximum":65535/);
  const rules = z.toJSONSchema(rulesSchema, { io: "input" }) as Schema;
  assert.equal(rules["additionalProperties"], false);
  assert.deepEqual(rules["required"], ["agents"]);
  assert.deepEqual(rules.properties?.["agents"]?.["propertyNames"], {
    pattern: "^[A-Za-z0-9._-]{1,128}$",
  });
});

Deno.test("[config.did-you-mean] the most similar name is suggested, if there is one", () => {
  const names = ["allow", "deny", "limits", "token_sha256"];
  assert.equal(didYouMean("alow", names), '; did you mean "allow"?');
  assert.equal(didYouMean("dney", names), '; did you mean "deny"?');
  assert.equal(didYouMean("LIMITS", names), '; did you mean "limits"?');
  assert.equal(didYouMean("token_sha265", names), '; did you mean "token_sha256"?');
  assert.equal(didYouMean("servers", names), "");
  assert.equal(didYouMean("", names), "");
  assert.equal(didYouMean("x".repeat(1e6), names), "");
});

Deno.test("[config.did-you-mean] the edit distance counts inserted, deleted, replaced and swapped characters", () => {
  const distances: [string, string, number][] = [
    ["", "", 0],
    ["abc", "", 3],
    ["abc", "abc", 0],
    ["abc", "ab", 1],
    ["abc", "axc", 1],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, distance] of distances) {
    assert.equal(editDistance(a, b), distance);
    assert.equal(editDistance(b, a), distance);
  }
});
