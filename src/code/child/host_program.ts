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
 * alone are not enough: a compiled program imports files without permission, and entries of the Cache API outlive the
 * process. In a compiled program, a worker runs the text of this function, which may therefore refer only to its
 * parameters and to globals.
 *
 * @param vm The module `node:vm`.
 * @param options `realmText` is the text of the realm's program. `requestStrip` asks for the code without its types; the
 * answer is a message.
 * @returns The function that receives messages.
 */
export function startHost(
  vm: Vm,
  { realmText, requestStrip }: {
    readonly realmText: string;
    readonly requestStrip: (code: string) => void;
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
    for (let offset = 0; offset < bytes.length;) {
      offset += stdout.writeSync(bytes.subarray(offset));
    }
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
      // A promise of this realm may be rejected with an error of this realm, which must not reach the code.
      if (!(event.promise instanceof Promise)) receiveInRealm("uncaught", event.reason);
    } catch {
      // The code's promise has a prototype that throws.
    }
  });

  const context = vm.createContext(Object.create(null));
  const program = vm.runInContext(realmText, context, "sandbox.js") as (
    host: HostFunctions,
  ) => (kind: RealmMessage, value: unknown) => void;
  const receiveInRealm = program({ send, requestStrip, startTimer, stopTimer });

  // Even if an object of this realm reached the code, no constructor behind it could compile text in this realm.
  for (const anyFunction of [() => {}, async () => {}, function* () {}, async function* () {}]) {
    Object.defineProperty(Object.getPrototypeOf(anyFunction), "constructor", { value: undefined });
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
