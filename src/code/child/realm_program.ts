import type { RealmValues, ToolResult } from "./realm_values.ts";

/** The kind of a message to the realm of the code; `realmProgram` describes them. */
export type RealmMessage = "line" | "stripped" | "unstripped" | "timer" | "uncaught" | "idle";

/** The functions of the host's realm that the code's realm uses. They take only texts and numbers, and return nothing. */
export interface HostFunctions {
  /** Writes a line to the gateway. */
  send(line: string): void;
  /** Asks for the code without its types; the answer is a message `stripped` or `unstripped`. */
  requestStrip(code: string): void;
  /** Asks for a message `timer` after a time in milliseconds. */
  startTimer(id: number, ms: number): void;
  /** Stops a timer. */
  stopTimer(id: number): void;
}

/**
 * Writes the program of the code's realm: an expression, whose value is a function that takes the `HostFunctions`.
 *
 * @param createValuesText The text of `createRealmValues`.
 * @param limitsJson The limits as JSON.
 */
export function writeRealmText(createValuesText: string, limitsJson: string): string {
  return `"use strict";(host)=>(${realmProgram})(host,(${createValuesText})(${limitsJson}))`;
}

/**
 * The program of the realm in which the code runs; see `host_program.ts`. Only its text is used, so it may refer only to
 * its parameters and to ECMAScript.
 *
 * If the code got hold of an object or a function of the host's realm, it could escape from its own. So the host's
 * functions are called directly, and never passed on or stored in an object; their errors are caught without a binding.
 *
 * @param host The host's functions.
 * @param values Turns values into texts.
 * @returns The function that receives messages: a line from the gateway, the code without its types, or why that is
 * not possible; the id of a timer; an error that nothing in the code catches; or that all microtasks have run.
 */
function realmProgram(
  { send, requestStrip, startTimer, stopTimer }: HostFunctions,
  { limits, describe, show, toJson, valueOf, errorTextOf }: RealmValues,
): (kind: RealmMessage, value: unknown) => void {
  const { parse, stringify } = JSON;
  const { defineProperty, keys } = Object;
  const { apply } = Reflect;
  const { then } = Promise.prototype;
  const { min, max } = Math;
  const [OwnError, OwnTypeError, OwnPromise, OwnProxy] = [Error, TypeError, Promise, Proxy];
  const AsyncFunction = (async () => {}).constructor as new (
    body: string,
  ) => () => Promise<unknown>;

  interface PendingCall {
    resolve(value: unknown): void;
    reject(error: unknown): void;
    /** Created with the call, so that its stack leads to the code. */
    readonly error: Error;
  }
  const pendingCalls = new Map<number, PendingCall>();
  /** The calls that were refused, by the errors that the code received. */
  const refusedCalls = new Map<unknown, number>();
  const timers = new Map<number, () => unknown>();
  let waitingLines: string[] = [];
  let callCount = 0;
  let lastTimer = 0;
  let logLength = 0;
  let isStripping = false;
  let wasStripped = false;
  // The id of the request to run the code, until it is answered.
  let runId: number | undefined;
  // The answer, until it is sent.
  let answerLine: string | undefined;

  const trySend = (line: string): void => {
    try {
      send(line);
    } catch {
      // The stack is full.
    }
  };

  const setAnswer = (member: "result" | "error", text: string): void => {
    if (runId === undefined) return;
    // The lines about uncaught errors come first.
    answerLine = `{"jsonrpc":"2.0","id":${runId},"${member}":${text}}`;
    runId = undefined;
  };

  const fail = (kind: "threw" | "syntax", thrown: unknown): void => {
    const { message, ...details } = describe(thrown);
    // The gateway knows the other fields of the call's error.
    const callId = refusedCalls.get(thrown);
    setAnswer("error", stringify({ code: -32000, message, data: { kind, ...details, callId } }));
  };

  const finish = (value: unknown): void => {
    let text: string;
    try {
      const maxLength = limits.maxReturnedLength;
      text = toJson(value, { name: "The returned value", maxLength });
    } catch (error) {
      return fail("threw", error);
    }
    setAnswer("result", text);
  };

  const compileAndRun = (code: string): void => {
    let program: () => Promise<unknown>;
    try {
      program = new AsyncFunction(`${code}\n//# sourceURL=code.js`);
    } catch (error) {
      if (wasStripped) return fail("syntax", error);
      isStripping = true;
      wasStripped = true;
      return requestStrip(code);
    }
    apply(then, program(), [finish, (error: unknown) => fail("threw", error)]);
  };

  const call = (server: unknown, tool: unknown, args: unknown): Promise<unknown> => {
    return new OwnPromise((resolve, reject) => {
      if (typeof server !== "string" || typeof tool !== "string") {
        throw new OwnTypeError("call(server, tool, args) needs the names of a server and a tool");
      }
      if (callCount >= limits.maxCalls) {
        const error = new OwnError(
          `The code has made ${limits.maxCalls} calls, which is the limit; make the others in another run`,
        );
        throw defineProperty(error, "code", { value: "RATE_LIMITED" });
      }
      const options = { name: "The argument", maxLength: limits.maxArgumentLength };
      const argsText = args === undefined ? "" : `,"args":${toJson(args, options)}`;
      const params = `{"server":${stringify(server)},"tool":${stringify(tool)}${argsText}}`;
      const id = ++callCount;
      pendingCalls.set(id, { resolve, reject, error: new OwnError() });
      const line = `{"jsonrpc":"2.0","id":${id},"method":"call","params":${params}}`;
      waitingLines[waitingLines.length] = line;
      sendCalls();
    });
  };

  /** Sends waiting calls, as far as the limit allows. */
  const sendCalls = (): void => {
    while (
      waitingLines.length > 0 &&
      pendingCalls.size - waitingLines.length < limits.maxPendingCalls
    ) {
      const [line = "", ...rest] = waitingLines;
      waitingLines = rest;
      trySend(line);
    }
  };

  interface Answer {
    readonly id: number;
    readonly result?: ToolResult;
    readonly error?: { readonly message: string; readonly data: Record<string, unknown> };
  }

  const receiveAnswer = ({ id, result = {}, error: refusal }: Answer): void => {
    const pendingCall = pendingCalls.get(id);
    if (pendingCall === undefined) return;
    pendingCalls.delete(id);
    sendCalls();
    if (refusal === undefined && result.isError !== true) {
      return pendingCall.resolve(valueOf(result));
    }
    const { error } = pendingCall;
    const message = refusal === undefined ? errorTextOf(result) : refusal.message;
    const details = refusal === undefined ? { code: "TOOL_ERROR" } : refusal.data;
    if (refusal !== undefined) refusedCalls.set(error, id);
    let stack = `Error: ${message}`;
    for (const frame of `${error.stack}`.split("\n")) {
      if (frame.includes("code.js")) stack += `\n${frame}`;
    }
    const fields: Record<string, unknown> = { ...details, message };
    for (const key of keys(fields)) {
      defineProperty(error, key, { value: fields[key], enumerable: true });
    }
    defineProperty(error, "stack", { value: stack });
    pendingCall.reject(error);
  };

  const log = (...values: unknown[]): void => {
    const room = limits.maxLogLength - logLength;
    if (room < 0) return;
    let text = "";
    for (let index = 0; index < values.length && text.length <= room; index++) {
      text += `${index === 0 ? "" : " "}${show(values[index])}`;
    }
    // One character too many lets the gateway say that the output was cut.
    text = text.slice(0, room + 1);
    logLength += text.length + 1;
    trySend(`{"jsonrpc":"2.0","method":"log","params":{"text":${stringify(text)}}}`);
  };

  const define = (name: string, value: unknown): void => {
    defineProperty(globalThis, name, { value, writable: true, configurable: true });
  };
  /** Creates an object with a member for each name, except those that promises and JSON look for. */
  const createObject = (createMember: (name: string) => unknown): object =>
    new OwnProxy({}, {
      get: (_, name) =>
        typeof name !== "string" || name === "then" || name === "toJSON"
          ? undefined
          : createMember(name),
    });
  define("call", call);
  define(
    "tools",
    createObject((server) => createObject((tool) => (args: unknown) => call(server, tool, args))),
  );
  define("console", { log, info: log, warn: log, error: log, debug: log });
  define("queueMicrotask", (action: () => unknown) => {
    apply(then, OwnPromise.resolve(), [() => action()]);
  });
  define("setTimeout", (action: unknown, ms: unknown, ...args: unknown[]): number => {
    if (typeof action !== "function") throw new OwnTypeError("setTimeout needs a function");
    const id = ++lastTimer;
    timers.set(id, () => apply(action, undefined, args));
    const delayMs = max(0, min(Number(ms) || 0, 2 ** 31 - 1));
    try {
      startTimer(id, delayMs);
    } catch {
      timers.delete(id);
    }
    return id;
  });
  define("clearTimeout", (id: unknown): void => {
    if (typeof id !== "number" || !timers.delete(id)) return;
    try {
      stopTimer(id);
    } catch {
      // The timer finds nothing to do.
    }
  });
  // WebAssembly has functions of the host's realm, the next two block the thread, and the last two depend on the garbage
  // collector.
  for (
    const name of ["WebAssembly", "SharedArrayBuffer", "Atomics", "FinalizationRegistry", "WeakRef"]
  ) {
    delete (globalThis as Record<string, unknown>)[name];
  }
  // Deno calls `Error.prepareStackTrace` with objects of the host's realm.
  defineProperty(Error, "prepareStackTrace", { value: undefined });
  defineProperty(globalThis, "Error", { value: Error });

  const receive = (kind: RealmMessage, text: string): void => {
    if (kind === "line") {
      const message = parse(text);
      if (message.method === "run") {
        runId = message.id;
        compileAndRun(message.params.code);
      } else if (message.method === undefined) receiveAnswer(message);
    } else if (kind === "stripped" || kind === "unstripped") {
      isStripping = false;
      if (kind === "stripped") compileAndRun(text);
      else setAnswer("error", text);
    } else if (kind === "timer") {
      const action = timers.get(Number(text));
      timers.delete(Number(text));
      if (action !== undefined) apply(then, OwnPromise.resolve(), [action]);
    } else {
      const isStuck = !isStripping && pendingCalls.size === 0 && timers.size === 0;
      if (answerLine === undefined && isStuck) {
        fail("threw", new OwnError("The code waits for a promise that nothing can settle"));
      }
      if (answerLine !== undefined) trySend(answerLine);
      answerLine = undefined;
    }
  };
  return (kind, value) => {
    try {
      if (kind === "uncaught") log("Uncaught", value);
      else receive(kind, value as string);
    } catch {
      // The code has replaced a function that is used here. It gets no answer, and its run ends with a timeout.
    }
  };
}
