import { join } from "node:path";
import { ROOT } from "../e2e/gateway_command.ts";

/** A fenced block of a page. */
export interface Block {
  /** Path of the page, relative to the root of the repository. */
  readonly page: string;
  /** Line of the fence, counted from 1. */
  readonly line: number;
  /** The first word after the fence, such as `sh`. */
  readonly language: string;
  /** The words after the language, such as `no-run` or `exit=3`. */
  readonly marks: readonly string[];
  /** The lines between the fences. */
  readonly text: string;
}

/** Lists the pages under test: three in the root of the repository, and all in docs/. */
export function listPages(): string[] {
  const docs = [...Deno.readDirSync(join(ROOT, "docs"))].map(({ name }) => name)
    .filter((name) => name.endsWith(".md")).sort();
  return ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...docs.map((name) => `docs/${name}`)];
}

/** Reads the text of a page. */
export function readPage(page: string): string {
  return Deno.readTextFileSync(join(ROOT, page));
}

/** Reads the fenced blocks of a page, in their order. */
export function readBlocks(page: string, text: string = readPage(page)): Block[] {
  const blocks: Block[] = [];
  let openBlock: { fence: string; indent: number; block: Block; lines: string[] } | undefined;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, indent = "", fence = "", info = ""] = /^( *)(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (openBlock === undefined) {
      if (fence === "") continue;
      const [language = "", ...marks] = info.trim().split(/\s+/);
      const block = { page, line: index + 1, language, marks, text: "" };
      openBlock = { fence, indent: indent.length, block, lines: [] };
    } else if (fence.startsWith(openBlock.fence) && info.trim() === "") {
      blocks.push({
        ...openBlock.block,
        text: openBlock.lines.map((line) => `${line}\n`).join(""),
      });
      openBlock = undefined;
    } else {
      openBlock.lines.push(line.slice(Math.min(openBlock.indent, line.search(/\S|$/))));
    }
  }
  if (openBlock !== undefined) {
    throw new Error(`${positionOf(openBlock.block)}: the block has no closing fence`);
  }
  return blocks;
}

/** Returns the page and line of a block, for messages. */
export function positionOf({ page, line }: Block): string {
  return `${page}:${line}`;
}

/** A page with its blocks. */
export class Page {
  readonly text: string;
  readonly blocks: readonly Block[];

  /** @param path Path relative to the root of the repository. */
  constructor(path: string) {
    this.text = readPage(path);
    this.blocks = readBlocks(path, this.text);
  }

  /** Returns the texts of the blocks in a language. */
  texts(language: string): string[] {
    return this.blocks.filter((block) => block.language === language).map(({ text }) => text);
  }
}
