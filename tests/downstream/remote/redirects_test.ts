import assert from "node:assert/strict";
import { failure, resultText } from "../../contract/scene.ts";
import { type Asked, OddHttp } from "./odd_http.ts";
import { remoteScene } from "./scene.ts";

const HEADERS = { Authorization: "Bearer canary-3b1f", "X-Key": "canary-77aa" };

Deno.test("[remote.redirects] to another origin is an error, and nothing goes there", async () => {
  await using other = await OddHttp.start();
  for (const status of [301, 302, 303, 307, 308]) {
    await using odd = await OddHttp.start((_, response) => {
      response.writeHead(status, { location: `${other.url}?token=canary-9c` }).end();
      return true;
    });
    await using scene = remoteScene(odd.url, { headers: HEADERS });
    const message = await failure(scene.call("echo"));
    const [from, to] = [new URL(odd.url).host, new URL(other.url).origin];
    assert.ok(message.includes(`${from} redirects to ${to}, which is another origin`), message);
    assert.equal(message.includes("canary"), false);
  }
  assert.deepEqual(other.asked, []);
});

Deno.test("[remote.redirects] within the origin is followed where the message stays whole", async () => {
  for (const status of [307, 308]) {
    await using odd = await OddHttp.start(({ path }, response) => {
      if (path === "/mcp/") return false;
      response.writeHead(status, { location: "/mcp/" }).end();
      return true;
    });
    await using scene = remoteScene(odd.url, { headers: HEADERS });
    assert.match(resultText(await scene.call("echo")), /called echo/);
    const there = odd.asked.filter(({ path }: Asked) => path === "/mcp/");
    assert.ok(there.every(({ headers }) => headers["x-key"] === HEADERS["X-Key"]));
    assert.equal(there.filter(({ message }) => message.method === "tools/call").length, 1);
  }
});

Deno.test("[remote.redirects] within the origin, a message that would be lost is not sent on", async () => {
  for (const status of [301, 302, 303]) {
    await using odd = await OddHttp.start(({ path }, response) => {
      if (path === "/mcp/") return false;
      response.writeHead(status, { location: "/mcp/" }).end();
      return true;
    });
    await using scene = remoteScene(odd.url);
    const told = new RegExp(`redirects a message in a way that would lose it \\(HTTP ${status}\\)`);
    assert.match(await failure(scene.call("echo")), told);
    assert.equal(odd.asked.filter(({ path }) => path === "/mcp/").length, 0);
  }
});

Deno.test("[remote.redirects] round and round ends", async () => {
  await using odd = await OddHttp.start((_, response) => {
    response.writeHead(307, { location: "/mcp" }).end();
    return true;
  });
  await using scene = remoteScene(odd.url);
  await failure(scene.call("echo"));
  assert.ok(odd.asked.length < 20);
});
