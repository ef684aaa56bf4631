import assert from "node:assert/strict";
import { withRevisionMembers } from "../../../src/gateway/revisions/revision_members.ts";
import { otherMembers } from "../../../src/jsonrpc/mod.ts";

function complete(json: string, ttlMs?: number): string {
  const options = { serverResult: JSON.parse(json), version: "1", ttlMs };
  return withRevisionMembers(json, options).parts.join("");
}

const INFO = '"io.modelcontextprotocol/serverInfo":' +
  '{"name":"agent-mcp-gateway","version":"1"}';
const HEAD = '{"resultType":"complete","_meta":{';

Deno.test("[eras.results] the members of the revision stand before those of the server", () => {
  assert.equal(complete("{}"), `${HEAD}${INFO}}}`);
  assert.equal(complete(" { } "), `${HEAD}${INFO}}}`);
  assert.equal(complete('{"a":1e400}'), `${HEAD}${INFO}},"a":1e400}`);
  assert.equal(
    complete('{ "a":{} }', 5),
    `${HEAD}${INFO}},"ttlMs":5,"cacheScope":"private","a":{} }`,
  );
});

Deno.test("[eras.results] members that a server gave itself are replaced, whatever their spelling", () => {
  const json =
    '{"resultType":"x","a":1, "_meta":{"b":1e400,"io.modelcontextprotocol/serverInfo":1} ,' +
    '"ttlMs":1,"c":[{}],"cacheScope":"public","d":0 }';
  assert.equal(complete(json), `${HEAD}${INFO},"b":1e400},"a":1,"c":[{}],"d":0}`);
  for (const key of ["ttlMs", "\\u0074tlMs", "_met\\u0061", "resultType"]) {
    const result = complete(`{"x":0,"${key}":0,"y":1,"${key}":2}`, 5);
    assert.equal(result, `${HEAD}${INFO}},"ttlMs":5,"cacheScope":"private","x":0,"y":1}`);
  }
  assert.equal(complete('{"_meta":[{"a":1}],"b":2}'), `${HEAD}${INFO}},"b":2}`);
  const reserved = '{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}';
  assert.equal(complete(reserved), `${HEAD}${INFO}}}`);
});

Deno.test("[eras.results] the text of a long result is not copied", () => {
  const long = "x".repeat(1_000_000);
  const { parts } = withRevisionMembers(`{"text":"${long}"}`, {
    serverResult: {},
    version: "1",
    ttlMs: undefined,
  });
  assert.ok(parts.some((part) => part.length > 1_000_000));
});

Deno.test("[eras.results] the other members of an object are few slices of its text", () => {
  assert.deepEqual(otherMembers("{}", ["a"]), []);
  assert.deepEqual(otherMembers(' { "a" : 1 } ', ["a"]), []);
  assert.deepEqual(otherMembers('{"a":1,"b":2,"c":3}', []), ['"a":1,"b":2,"c":3']);
  assert.deepEqual(otherMembers('{"a":1 , "b":2,"c":3}', ["b"]), ['"a":1', '"c":3']);
  assert.deepEqual(otherMembers('{"a":1,"b":",}","a":[1,{"a":2}]}', ["a"]), ['"b":",}"']);
});
