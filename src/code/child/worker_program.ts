import type { RealmMessage, WorkerFunctions } from "./realm_program.ts";

/** The part of `node:vm` that the worker uses. */
interface Vm {
  createContext(scope: object): object;
  runInContext(text: string, context: object, fileName: string): unknown;
}

/** A message from the main thread to the worker. */
export type WorkerMessage = readonly [kind: RealmMessage, text: string];

/**
 * The program of the worker in which code runs: creates a realm that has nothing but ECMAScript, and runs
 * the program of `realm_program.ts` in it. Deno's permissions alone would not do: a compiled program imports files
 * without permission, and the caches of the web outlive the process. This function, too, is used as text only.
 *
 * @param realmText The text of the realm's program.
 */
export function workerProgram(vm: Vm, realmText: string): void {
  const scope = globalThis as unknown as {
    addEventListener(
      type: "message",
      listener: (event: MessageEvent<WorkerMessage>) => void,
    ): void;
    addEventListener(
      type: "unhandledrejection",
      listener: (event: PromiseRejectionEvent) => void,
    ): void;
    postMessage(text: string): void;
  } & Record<string, unknown>;
  const { stdout } = Deno;
  const encoder = new TextEncoder();
  const { setTimeout, clearTimeout, setImmediate } = globalThis;
  const post = scope.postMessage.bind(scope);
  const timers = new Map<number, ReturnType<typeof setTimeout>>();
  const send: WorkerFunctions["send"] = (line) => {
    const bytes = encoder.encode(`${line}\n`);
    for (let at = 0; at < bytes.length;) at += stdout.writeSync(bytes.subarray(at));
  };
  const receive = (kind: RealmMessage, text: string): void => {
    receiveInRealm(kind, text);
    // This runs after all microtasks.
    if (kind !== "idle") setImmediate(() => receive("idle", ""));
  };
  const startTimer: WorkerFunctions["startTimer"] = (id, ms) => {
    timers.set(
      id,
      setTimeout(() => {
        timers.delete(id);
        receive("timer", `${id}`);
      }, ms),
    );
  };
  const stopTimer: WorkerFunctions["stopTimer"] = (id) => {
    clearTimeout(timers.get(id));
    timers.delete(id);
  };
  const stripTypes: WorkerFunctions["stripTypes"] = (code) => post(code);
  // Deno would show the reason, with functions of the code, and end the worker.
  scope.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    try {
      // A promise of this realm may have an error of it, which must not reach the code.
      if (!(event.promise instanceof Promise)) receiveInRealm("uncaught", event.reason);
    } catch {
      // The code's promise has a prototype that throws.
    }
  });

  const context = vm.createContext(Object.create(null));
  const program = vm.runInContext(realmText, context, "sandbox.js") as (
    worker: WorkerFunctions,
  ) => (kind: RealmMessage, value: unknown) => void;
  const receiveInRealm = program({ send, stripTypes, startTimer, stopTimer });
  // If a worker of Node has no more memory while it dispatches an event, its end is not reported.
  scope.addEventListener("message", ({ data: [kind, text] }) => {
    setImmediate(() => receive(kind, text));
  });

  // A second wall: an object of this realm that reached the code would lead to no function that compiles text here.
  for (const compiled of [() => {}, async () => {}, function* () {}, async function* () {}]) {
    Object.defineProperty(Object.getPrototypeOf(compiled), "constructor", { value: undefined });
  }
  for (const name of Object.getOwnPropertyNames(scope)) {
    if (/^[a-z]|^Deno|^Worker|^Cache|^Web|^Event|^Gpu|^GPU|^Broadcast/.test(name)) {
      delete scope[name];
    }
  }
}
