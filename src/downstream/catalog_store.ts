import { Catalog } from "./catalog.ts";

/** Number of catalogs after which those that are not used any more are removed. */
const SWEEP_SIZE = 64;

/** Keeps equal catalogs once: sessions of one server mostly list the same tools. */
export class CatalogStore {
  readonly #byHash = new Map<string, WeakRef<Catalog>>();

  /** Returns the catalog that is kept, if an equal one is in use; otherwise keeps this one. */
  async keep(catalog: Catalog): Promise<Catalog> {
    const hash = await hashCatalog(catalog);
    const kept = this.#byHash.get(hash)?.deref();
    if (kept !== undefined) {
      catalog.free();
      return kept;
    }
    this.#byHash.set(hash, new WeakRef(catalog));
    if (this.#byHash.size > SWEEP_SIZE) this.#sweep();
    return catalog;
  }

  #sweep(): void {
    for (const [hash, catalog] of this.#byHash) {
      if (catalog.deref() === undefined) this.#byHash.delete(hash);
    }
  }
}

async function hashCatalog(catalog: Catalog): Promise<string> {
  const { tools, incompleteReason = "", completeness, leftOutTools } = catalog;
  const texts = [
    completeness,
    incompleteReason,
    ...leftOutTools,
    ...tools.map(({ text }) => text.json),
  ];
  const bytes = new TextEncoder().encode(texts.join("\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
