import { join } from "node:path";
import { ROOT } from "../e2e/gateway_command.ts";

/** A fenced block of a page. */
export interface Block {
  /** The first word after the fence, such as `sh`. */
  readonly language: string;
  readonly text: string;
}

/** A page of the documentation. */
export class Page {
  readonly text: string;
  readonly blocks: readonly Block[];

  /** @param path From the repository's root. */
  constructor(path: string) {
    this.text = Deno.readTextFileSync(join(ROOT, path));
    const fences = this.text.matchAll(/^( *)```(\w+)[^\n]*\n([^]*?)^\1```$/gm);
    this.blocks = [...fences].map(([, indent = "", language = "", text = ""]) => {
      return { language, text: text.replaceAll(new RegExp(`^${indent}`, "gm"), "") };
    });
  }

  /** The texts of the blocks in a language. */
  texts(language: string): string[] {
    return this.blocks.filter((block) => block.language === language).map(({ text }) => text);
  }

  /** The gateway's environment variables that the page names. */
  variables(): string[] {
    return [...new Set(this.text.match(/\bGATEWAY_[A-Z_]*[A-Z]\b/g) ?? [])];
  }
}

/** All pages of the folder `docs`. */
export function listPages(): string[] {
  return [...Deno.readDirSync(join(ROOT, "docs"))]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
    .sort();
}
