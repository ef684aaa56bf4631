import { removeIfThere } from "../../../atomic_file.ts";
import type { ByteStore } from "./kept_text.ts";

/** Matches the random names of the files. */
export const FILE_NAME = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Keeps bytes in memory. */
export class MemoryBytes implements ByteStore {
  // By the position of their first byte.
  readonly #chunks = new Map<number, Uint8Array>();
  #size = 0;

  /** Appends bytes. */
  append(bytes: Uint8Array): Promise<void> {
    this.#chunks.set(this.#size, bytes);
    this.#size += bytes.length;
    return Promise.resolve();
  }

  /** Reads bytes that were appended together. */
  read(position: number, length: number): Uint8Array {
    const chunk = this.#chunks.get(position);
    if (chunk?.length !== length) throw new RangeError("These bytes were not appended together");
    return chunk;
  }

  /** Frees the bytes. */
  close(): void {
    this.#chunks.clear();
  }
}

/** Keeps bytes in a file without a name, which the system frees when this process ends, for whatever reason. */
export class FileBytes implements ByteStore {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Creates an empty file in a folder, and removes its name before anything is written.
   *
   * @throws Any error of the system.
   */
  static async create(folder: string): Promise<FileBytes> {
    const path = `${folder}/${crypto.randomUUID()}`;
    const file = await Deno.open(path, { read: true, write: true, createNew: true, mode: 0o600 });
    try {
      await removeIfThere(path);
    } catch (error) {
      file.close();
      throw error;
    }
    return new FileBytes(file);
  }

  /**
   * Appends bytes.
   *
   * @throws Any error of the system, for example of a full disk.
   */
  async append(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length;) {
      offset += await this.#file.write(bytes.subarray(offset));
    }
  }

  /** Reads bytes. The system usually has them in memory, so an asynchronous read would take longer. */
  read(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(position, Deno.SeekMode.Start);
    for (let offset = 0; offset < length;) {
      const count = this.#file.readSync(bytes.subarray(offset));
      if (count === null) throw new RangeError("The file ends before these bytes");
      offset += count;
    }
    return bytes;
  }

  /** Closes the file, which frees its space. */
  close(): void {
    this.#file.close();
  }
}
