import assert from "node:assert/strict";
import {
  type Fields,
  misbehavingServer,
  readRefusal,
  readSingleText,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";

/**
 * Calls `execute_tool` with arguments as JSON text.
 *
 * @returns The JSON text of the arguments that the server received.
 */
async function sendArguments(gateway: RunningGateway, argumentsText: string): Promise<string> {
  const { message } = await gateway.client.requestText(
    "tools/call",
    `{"name":"execute_tool","arguments":${argumentsText}}`,
  );
  const request = readSingleText(message.result);
  const start = request.indexOf('"arguments":') + '"arguments":'.length;
  return request.slice(start, request.indexOf(',"_meta"'));
}

/** Calls that must be refused, and the part of the message that names the wrong argument. */
const REFUSED_CALLS: readonly (readonly [tool: string, args: unknown, expected: string])[] = [
  ["execute_tool", { server: "odd", tool: "echo", args: [] }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: 7 }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: true }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: "" }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: "text" }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: "null" }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: "[1]" }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: '"{}"' }, '"args"'],
  ["execute_tool", { server: "odd", tool: "echo", args: '{"a":1' }, '"args"'],
  ["execute_tool", { tool: "echo", args: {} }, '"server"'],
  ["execute_tool", { server: "odd", args: {} }, '"tool"'],
  ["execute_tool", { server: 7, tool: "echo", args: {} }, '"server"'],
  ["execute_tool", { server: "odd", tool: ["echo"], args: {} }, '"tool"'],
  ["execute_tool", { server: "odd", tool: "echo", args: {}, timeout_ms: 0 }, '"timeout_ms"'],
  ["execute_tool", { server: "odd", tool: "echo", args: {}, timeout_ms: -5 }, '"timeout_ms"'],
  ["execute_tool", { server: "odd", tool: "echo", args: {}, timeout_ms: 1.5 }, '"timeout_ms"'],
  ["execute_tool", { server: "odd", tool: "echo", args: {}, timeout_ms: "9" }, '"timeout_ms"'],
  [
    "execute_tool",
    { server: "odd", tool: "echo", args: {}, timeout_ms: 1e300 },
    '"timeout_ms" must be a whole number from 1 to 2147483647, not 1e+300',
  ],
  [
    "execute_tool",
    { server: "odd", tool: "echo", args: {}, timeout_ms: 2147483648 },
    "to 2147483647, not 2147483648",
  ],
  ["execute_tool", { server: "odd", tool: "echo", arguments: [] }, '"arguments"'],
  ["execute_tool", { server: "odd", tool: "echo", arguments: "text" }, '"arguments"'],
  ["execute_tool", { server: "odd", tool: "echo", args: {}, agent_id: 7 }, '"agent_id"'],
  ["get_server_tools", {}, '"server"'],
  ["get_server_tools", { server: null }, '"server"'],
  ["get_server_tools", { server: "odd", names: ["echo"] }, '"names"'],
  ["get_server_tools", { server: "odd", pattern: 1 }, '"pattern"'],
  ["get_server_tools", { server: "odd", detail: "short" }, '"detail"'],
  ["get_server_tools", { server: "odd", max_schema_tokens: 0 }, '"max_schema_tokens"'],
  ["get_server_tools", { server: "odd", max_schema_tokens: "many" }, '"max_schema_tokens"'],
  ["get_server_tools", { server: "odd", limit: 3 }, '"limit"'],
  ["list_servers", { include_metadata: "yes" }, '"include_metadata"'],
  ["list_servers", { include_metadata: 1 }, '"include_metadata"'],
  ["list_servers", { metadata: true }, '"metadata"'],
  ["list_servers", { agent_id: {} }, '"agent_id"'],
  ["list_servers", [], '"arguments"'],
  ["list_servers", "{}", '"arguments"'],
];

Deno.test("the gateway's tools check their arguments", async (t) => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });

  await t.step("[tools.args-object] an object is passed to the server unchanged", async () => {
    const args =
      '{"big":12345678901234567890,"f":1.10,"nul":"\\u0000","__proto__":{"a":-0},"":[ ]}';
    const text = await sendArguments(gateway, `{"args": ${args}, "server":"odd","tool":"echo"}`);
    assert.equal(text, args);
  });

  await t.step("[tools.args-string] a string that contains an object is parsed", async () => {
    const args = '{"big":12345678901234567890,"text":"a \\"b\\" é"}';
    for (const string of [args, ` ${args}\n`]) {
      const executeToolArgs = { server: "odd", tool: "echo", args: string };
      assert.equal(await sendArguments(gateway, JSON.stringify(executeToolArgs)), args);
    }
    assert.equal(await sendArguments(gateway, '{"server":"odd","tool":"echo","args":"{}"}'), "{}");
  });

  await t.step(
    "[tools.args-string] line breaks in the string do not break the message to the server",
    async () => {
      const executeToolArgs = { server: "odd", tool: "echo", args: '{\n"a":\r\n[1,\n2]\n}' };
      assert.deepEqual(JSON.parse(await sendArguments(gateway, JSON.stringify(executeToolArgs))), {
        a: [1, 2],
      });
    },
  );

  await t.step(
    "[tools.args-absent] absent args mean {}, and arguments is an alias of args",
    async () => {
      const call = '"server":"odd","tool":"echo"';
      const args = '{"big":12345678901234567890,"a":[{"x":1,"y":null}]}';
      const reordered = '{"a": [{"y": null, "x": 1}], "big": 12345678901234567890}';
      for (
        const [argumentsText, expected] of [
          [`{${call}}`, "{}"],
          [`{${call},"args":null}`, "{}"],
          [`{${call},"arguments":null}`, "{}"],
          [`{${call},"arguments":${args}}`, args],
          [`{${call},"arguments":${JSON.stringify(args)}}`, args],
          [`{${call},"args":null,"arguments":${args}}`, args],
          [`{${call},"arguments":null,"args":${args}}`, args],
          [`{${call},"arguments":${reordered},"args":${args}}`, args],
        ] as const
      ) assert.equal(await sendArguments(gateway, argumentsText), expected);
      for (
        const [args, others] of [
          ['{"a":2}', '{"a":1}'],
          ["{}", '{"a":1}'],
          [JSON.stringify('{"a":2}'), '{"a":1}'],
          ['{"a":1e400}', '{"a":1e500}'],
          ['{"a":12345678901234567891}', '{"a":12345678901234567890}'],
          ['{"a":{"b":1}}', '{"a":[["b",1]]}'],
          [`{"a":${"[".repeat(1000)}1${"]".repeat(1000)}}`, '{"a":1}'],
          [`{"a":${"[".repeat(9000)}1${"]".repeat(9000)}}`, '{"a":1}'],
        ] as const
      ) {
        const { message } = await gateway.client.requestText(
          "tools/call",
          `{"name":"execute_tool","arguments":{${call},"args":${args},"arguments":${others}}}`,
        );
        assert.deepEqual(readRefusal(message.result as Fields), {
          code: "INVALID_ARGUMENTS",
          retryable: false,
          message:
            'execute_tool: "args" and "arguments" mean the same but differ; give only "args". ' +
            "Correct it and call again.",
        });
      }
    },
  );

  await t.step(
    "[tools.args-duplicate] args with a key twice in one object, at any depth and in any spelling, are refused",
    async () => {
      const same = [
        '{"cmd":"rm","cmd":"ls"}',
        '{"a":[{"b":{"cmd":1,"x":"}","\\u0063md":2}}]}',
        '{"__proto__":1,"__proto__":1}',
      ];
      for (const args of [...same, ...same.map((text) => JSON.stringify(text))]) {
        const { message } = await gateway.client.requestText(
          "tools/call",
          `{"name":"execute_tool","arguments":{"server":"odd","tool":"echo","args":${args}}}`,
        );
        const refusal = readRefusal(message.result as Fields);
        assert.equal(refusal.code, "INVALID_ARGUMENTS", args);
        assert.match(refusal.message, /"args" has a key twice in one object/);
      }
      const once = '{"a":{"a":{"a":"\\"a\\":1"}},"b":[{"a":1},{"a":1}],"c":"a"}';
      const text = await sendArguments(gateway, `{"server":"odd","tool":"echo","args":${once}}`);
      assert.equal(text, once);
    },
  );

  const name = "[tools.args-invalid] [tools.unknown-arguments] [tools.wrong-types] " +
    "[tools.out-of-range] [errors.invalid-arguments] wrong arguments are refused, and the refusal names them";
  await t.step(name, async () => {
    for (const [tool, args, expected] of REFUSED_CALLS) {
      const { code, message } = await gateway.expectRefusal(tool, args as Fields);
      const call = `${tool} ${JSON.stringify(args)}: ${message}`;
      assert.equal(code, "INVALID_ARGUMENTS", call);
      assert.ok(message.includes(expected), call);
    }
  });

  await t.step(
    "[errors.invalid-arguments] the refusal lists the arguments that the tool accepts",
    async () => {
      assert.deepEqual(await gateway.expectRefusal("list_servers", { metadata: true }), {
        code: "INVALID_ARGUMENTS",
        retryable: false,
        message: 'list_servers: "metadata" is not an argument. Correct it and call again.',
        hint: 'Did you mean "include_metadata"? It takes: agent_id, include_metadata',
      });
      const hints: Record<string, string | undefined> = {};
      for (const name of ["tool_name", "serverName", "agent", "timeout", "tol", "path"]) {
        const { hint = "" } = await gateway.expectRefusal("execute_tool", { [name]: "x" });
        hints[name] = /^Did you mean "(\w+)"/.exec(hint)?.[1];
        assert.match(hint, /It takes: agent_id, server, tool, args, timeout_ms \("args" is what/);
      }
      assert.deepEqual(hints, {
        tool_name: "tool",
        serverName: "server",
        agent: "agent_id",
        timeout: "timeout_ms",
        tol: "tool",
        path: undefined,
      });
    },
  );

  await t.step(
    "[errors.invalid-arguments] a call without arguments is refused only if the tool requires some",
    async () => {
      for (const absentArguments of [{}, { arguments: null }]) {
        const params = { name: "execute_tool", ...absentArguments };
        const { result } = await gateway.client.request("tools/call", params);
        assert.equal(readRefusal(result).code, "INVALID_ARGUMENTS");
        const list = await gateway.client.request("tools/call", {
          ...params,
          name: "list_servers",
        });
        const { structuredContent: _, ...text } = list.result ?? {};
        assert.equal(readSingleText(text), '[{"name":"odd"}]');
      }
    },
  );

  await t.step("[tools.null-absent] null for an optional argument means absent", async () => {
    const nullArguments = { agent_id: null, timeout_ms: null };
    assert.equal(await gateway.callServerToolForText("odd", "count", {}, nullArguments), "1");
  });

  await t.step("[tools.args-invalid] none of the refused calls reached the server", async () => {
    const calls = (await gateway.callServerToolForText("odd", "received")).split("\n").filter(
      (line) => {
        return line.includes('"tools/call"');
      },
    );
    // The accepted calls of the steps above (1 + 3 + 1 + 8 + 1 + 1), and the call of `received` itself.
    assert.equal(calls.length, 16);
  });
});
