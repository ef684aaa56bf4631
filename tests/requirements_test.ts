import assert from "node:assert/strict";
import { OPTIONAL, requirements } from "./requirements.ts";

Deno.test("requirements: each requirement is listed once, with an area, a section and a text", () => {
  const ids = requirements.map(({ id }) => id);
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
  for (const { id, section, text } of requirements) {
    assert.match(id, /^[a-z]+\.[a-z0-9-]+$/);
    assert.match(section, /^\d+ \w/);
    assert.ok(text.length > 5, id);
  }
  assert.deepEqual(Object.keys(OPTIONAL).filter((id) => !ids.includes(id)), []);
});
