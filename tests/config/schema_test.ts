import assert from "node:assert/strict";
import { describeFile } from "../../src/config/mod.ts";
import { suggest } from "../../src/config/suggest.ts";
import { editDistance } from "../../src/near_names.ts";

type Schema = { [key: string]: unknown; properties?: Record<string, Schema> };

Deno.test("[config.json-schema] defaults, ranges and closed objects are in the schema", async () => {
  const servers = JSON.stringify(await describeFile("servers"));
  assert.match(servers, /"default":"agent"/);
  assert.match(servers, /"minimum":1,"maximum":65535/);
  const rules: Schema = await describeFile("rules");
  assert.equal(rules["additionalProperties"], false);
  assert.deepEqual(rules["required"], ["agents"]);
  assert.deepEqual(rules.properties?.["agents"]?.["propertyNames"], {
    pattern: "^[A-Za-z0-9._-]{1,128}$",
  });
});

Deno.test("[config.did-you-mean] the nearest name, or nothing", () => {
  const names = ["allow", "deny", "limits", "token_sha256"];
  assert.equal(suggest("alow", names), '; did you mean "allow"?');
  assert.equal(suggest("dney", names), '; did you mean "deny"?');
  assert.equal(suggest("LIMITS", names), '; did you mean "limits"?');
  assert.equal(suggest("token_sha265", names), '; did you mean "token_sha256"?');
  assert.equal(suggest("servers", names), "");
  assert.equal(suggest("", names), "");
  assert.equal(suggest("x".repeat(1e6), names), "");
});

Deno.test("[config.did-you-mean] letters to insert, remove, replace or swap", () => {
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
