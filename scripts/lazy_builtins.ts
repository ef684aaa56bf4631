/**
 * Has a bundle load Node's modules when they are used. Deno's bundler lets CommonJS libraries
 * `require` them through `node:module`, which it imports at the start: that costs every start 15 ms,
 * for libraries that most never use.
 *
 *     deno run --allow-read=dist --allow-write=dist scripts/lazy_builtins.ts dist/FILE.js
 */

const EAGER =
  /import\s*\{\s*createRequire as (\w+)\s*\}\s*from\s*"node:module";\s*(?:var|const|let)\s+(\w+)\s*=\s*\1\(import\.meta\.url\);/g;

/** The text of a bundle that imports nothing of Node's at its start for the sake of `require`. */
export function makeLazy(text: string): string {
  return text.replace(EAGER, (_, _create: string, name: string) => {
    // As a missing module does to `require`: libraries look for optional ones like this.
    return `var ${name}=(id)=>{const found=process.getBuiltinModule(id);` +
      'if(found===undefined)throw new Error("Cannot find module "+id);return found};';
  });
}

if (import.meta.main) {
  for (const path of Deno.args) {
    const text = makeLazy(Deno.readTextFileSync(path));
    if (text.includes("createRequire as __deno_internal")) {
      throw new Error(`${path}: the bundler writes its require in another way than it did`);
    }
    Deno.writeTextFileSync(path, text);
  }
}
