/** A temporary folder that is deleted at the end of its scope. */
export class TempFolder {
  readonly path: string = Deno.realPathSync(Deno.makeTempDirSync());

  /** Writes a text, bytes, or a value as JSON; returns the path of the file. */
  write(name: string, content: string | Uint8Array | object): string {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeTextFileSync(path, JSON.stringify(content));
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Creates a named pipe and returns its path. A read blocks until data is written to the pipe. */
export function createPipe(path: string): string {
  const { success } = new Deno.Command("mkfifo", { args: [path] }).outputSync();
  if (!success) throw new Error(`Cannot create the pipe ${path}`);
  return path;
}
