import { resolvePath, type StdioConfig } from "../../config/mod.ts";
import { CommandLineError } from "./windows_command.ts";

/** The cause of a failure to start a command. */
export type StartFailureKind =
  | "folder-not-found"
  | "folder-is-file"
  | "command-not-found"
  | "arguments-in-command"
  | "sandbox-not-found"
  | "dangling-link"
  | "command-is-folder"
  | "not-executable"
  | "carriage-return"
  | "interpreter-not-found"
  | "foreign-binary"
  | "not-permitted"
  | "not-allowed"
  | "other";

/** A server's command could not be started; the message goes to the agent. */
export class StartFailure extends Error {
  /** The name of the class. */
  override readonly name = "StartFailure";
  /** The cause. */
  readonly kind: StartFailureKind;
  /** The interpreter of the script, or the target of the link, that is missing. */
  readonly subject: string | undefined;
  /** The file of the command, if there is one. */
  readonly path: string | undefined;

  /**
   * Creates the error.
   *
   * @param kind The cause.
   * @param message Description of the problem.
   * @param options The error of the system, and the files that the failure is about.
   */
  constructor(
    kind: StartFailureKind,
    message: string,
    options: ErrorOptions & { subject?: string | undefined; path?: string | undefined } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.subject = options.subject;
    this.path = options.path;
  }
}

/** Number of bytes that are read to determine the type of a file. */
const HEAD_BYTES = 256;

/**
 * Determines why a command could not be started. The system reports "not found" for several causes, so
 * the files are examined.
 *
 * @param cause The error that was thrown.
 * @param context The command, and the environment of its process.
 */
export function explainStartFailure(
  cause: unknown,
  { connection, env }: {
    readonly connection: StdioConfig;
    readonly env: Readonly<Record<string, string>>;
  },
): StartFailure {
  const { command } = connection;
  const path = findFile(connection, env);
  const fail = (kind: StartFailureKind, message: string, subject?: string): StartFailure => {
    return new StartFailure(kind, message, { cause, subject, path });
  };
  if (cause instanceof CommandLineError) return fail("other", cause.message);
  if (cause instanceof Deno.errors.NotCapable) {
    // The gateway was started with --allow-run for some commands, and the entry was added later.
    return fail(
      "not-permitted",
      `the gateway's own permissions do not allow it to run the command "${command}"; the operator ` +
        "must start the gateway with the flags that `agent-mcp-gateway permissions` prints",
    );
  }
  const failure = examineFolder(connection.cwd) ??
    (path === undefined ? undefined : examineFile(command, path));
  if (failure !== undefined) return fail(...failure);
  if (cause instanceof Deno.errors.PermissionDenied) {
    return fail("not-allowed", `its command "${command}" may not be run`);
  }
  if (!isMissing(cause)) return fail("other", `its command "${command}" cannot be started`);
  if (command === "bwrap") {
    return fail(
      "sandbox-not-found",
      'the program "bwrap" of its sandbox was not found; install the package bubblewrap, or remove ' +
        "`gateway.sandbox` from its entry",
    );
  }
  return command.includes(" ")
    ? fail(
      "arguments-in-command",
      `its command "${command}" was not found; put its arguments into "args"`,
    )
    : fail("command-not-found", `its command "${command}" was not found`);
}

type FailureDescription = readonly [
  kind: StartFailureKind,
  message: string,
  subject?: string | undefined,
];

function examineFolder(cwd: string | undefined): FailureDescription | undefined {
  if (cwd === undefined) return undefined;
  const info = tryRead(() => Deno.statSync(cwd));
  if (info === "missing") {
    return ["folder-not-found", 'its working folder ("cwd") does not exist'];
  }
  if (info === undefined || info.isDirectory) return undefined;
  return ["folder-is-file", 'its working folder ("cwd") is a file'];
}

/** Finds the file of the command, whether or not it can be run. */
function findFile({ command, cwd }: StdioConfig, env: Readonly<Record<string, string>>) {
  const isPath = /[\\/]/.test(command);
  const folders = isPath ? [""] : (env["PATH"] ?? "").split(":");
  for (const folder of folders) {
    const path = resolvePath(cwd ?? Deno.cwd(), folder, command);
    const info = tryRead(() => Deno.lstatSync(path));
    if (info !== undefined && info !== "missing") return path;
  }
  return undefined;
}

function examineFile(command: string, path: string): FailureDescription | undefined {
  const info = tryRead(() => Deno.statSync(path));
  if (info === "missing") {
    const target = tryRead(() => Deno.readLinkSync(path));
    return [
      "dangling-link",
      `its command "${command}" is a link to a file that does not exist`,
      target,
    ];
  }
  if (info === undefined) return undefined;
  if (info.isDirectory) return ["command-is-folder", `its command "${command}" is a folder`];
  // Windows has no executable bits and no interpreter lines. Opening a pipe may block forever.
  if (Deno.build.os === "windows" || !info.isFile) return undefined;
  if (((info.mode ?? 0) & 0o111) === 0) {
    return ["not-executable", `its command "${command}" is a file that is not executable`];
  }
  const head = tryRead(() => readHead(path));
  if (head === undefined || head === "missing") return undefined;
  if (head.startsWith("\x7fELF")) {
    return [
      "foreign-binary",
      `its command "${command}" was built for another system: its loader is missing`,
    ];
  }
  const [, interpreter = ""] = /^#![ \t]*([^ \t\n]+)/.exec(head) ?? [];
  if (interpreter.endsWith("\r") || /^#![^\n]*\r\n/.test(head)) {
    return [
      "carriage-return",
      `its command "${command}" is a script with Windows line endings, which become part of ` +
      `the program's name in its first line ("${interpreter.trimEnd()}\\r")`,
      interpreter.trimEnd(),
    ];
  }
  if (interpreter === "" || tryRead(() => Deno.statSync(interpreter)) !== "missing") {
    return undefined;
  }
  return [
    "interpreter-not-found",
    `its command "${command}" is a script for "${interpreter}", which does not exist`,
    interpreter,
  ];
}

function readHead(path: string): string {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(HEAD_BYTES);
  const count = file.readSync(bytes) ?? 0;
  return new TextDecoder("latin1").decode(bytes.subarray(0, count));
}

/** Returns the result of `read`: "missing" if the file does not exist, `undefined` if it is not readable. */
function tryRead<T>(read: () => T): T | "missing" | undefined {
  try {
    return read();
  } catch (cause) {
    return isMissing(cause) ? "missing" : undefined;
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory;
}
