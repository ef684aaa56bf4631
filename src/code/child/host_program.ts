import type { HostFunctions, RealmMessage } from "./realm_program.ts";

/** The part of `node:vm` that the program uses. */
export interface Vm {
  createContext(scope: object): object;
  runInContext(text: string, context: object, fileName: string): unknown;
}

/** A message to the realm of the code. */
export type HostMessage = readonly [kind: RealmMessage, text: string];

/**
 * Creates a realm that has nothing but ECMAScript, and runs the program of `realm_program.ts` in it. Deno's permissions
 * alone would not do: a compiled program imports files without permission, and the caches of the web outlive the
 * process. In a compiled program, a worker uses this function as text, so that it refers to nothing but its
 * parameters and globals.
 *
 * @param vm The module `node:vm`.
 * @param options The text of the realm's program, and what removes the types from code; a message is its answer.
 * @returns The function that receives messages.
 */
export function hostProgram(
  vm: Vm,
  { realmText, stripTypes }: {
    readonly realmText: string;
    readonly stripTypes: (code: string) => void;
  },
): (message: HostMessage) => void {
  const scope = globalThis as unknown as {
    addEventListener(
      type: "unhandledrejection",
      listener: (event: PromiseRejectionEvent) => void,
    ): void;
  };
  const { stdout } = Deno;
  const encoder = new TextEncoder();
  const { setTimeout, clearTimeout, setImmediate } = globalThis;
  const timers = new Map<number, ReturnType<typeof setTimeout>>();
  const send: HostFunctions["send"] = (line) => {
    const bytes = encoder.encode(`${line}\n`);
    for (let at = 0; at < bytes.length;) at += stdout.writeSync(bytes.subarray(at));
  };
  const receive = (kind: RealmMessage, text: string): void => {
    receiveInRealm(kind, text);
    // This runs after all microtasks.
    if (kind !== "idle") setImmediate(() => receive("idle", ""));
  };
  const startTimer: HostFunctions["startTimer"] = (id, ms) => {
    timers.set(
      id,
      setTimeout(() => {
        timers.delete(id);
        receive("timer", `${id}`);
      }, ms),
    );
  };
  const stopTimer: HostFunctions["stopTimer"] = (id) => {
    clearTimeout(timers.get(id));
    timers.delete(id);
  };
  // Deno would show the reason, with functions of the code, and end the process.
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
    host: HostFunctions,
  ) => (kind: RealmMessage, value: unknown) => void;
  const receiveInRealm = program({ send, stripTypes, startTimer, stopTimer });

  // If an object of this realm ever reached the code, it would lead to no function that compiles text here.
  for (const compiled of [() => {}, async () => {}, function* () {}, async function* () {}]) {
    Object.defineProperty(Object.getPrototypeOf(compiled), "constructor", { value: undefined });
  }
  // Deno's `exit` needs the global `globalThis`.
  for (const name of Object.getOwnPropertyNames(scope)) {
    if (/^(?!globalThis$)[a-z]|^Deno|^Worker|^Cache|^Web|^Event|^Gpu|^GPU|^Broadcast/.test(name)) {
      Reflect.deleteProperty(scope, name);
    }
  }
  // Deno does not report the end of a `node:worker_threads` worker that runs out of memory while it dispatches an event.
  return ([kind, text]) => void setImmediate(() => receive(kind, text));
}
