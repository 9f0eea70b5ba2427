/**
 * What the cache knows of an object in a store that several replicas share: an index entry that is
 * made from the object's state, and belongs to no index.
 *
 * Calls that find the same state get the same entry, so that what one of them learns (a checksum
 * that matches, the layout of a table) serves the next.
 */
import type { Lifetime } from "../../object/object-metadata.ts";
import type { ObjectState } from "../../storage/s3/bucket-storage.ts";
import { IndexEntry } from "../index-entry.ts";

export class SharedEntry extends IndexEntry {
  readonly #state: ObjectState;

  constructor(state: ObjectState) {
    const { manifest, live } = state;
    const { kind, form, baseVersion: version, rowCount, dataBytes, putBy, base } = live;
    super(manifest.key, { kind, form, version, rowCount, dataBytes, putBy, fileSizeBytes: base.sizeBytes });
    this.#state = state;
    if (manifest.version === version) return;
    const { storedBytes: fileSizeBytes, ...patched } = live.patched ?? NO_TOTALS;
    this.addPatch({ version: manifest.version, fileSizeBytes, ...patched });
  }

  override get state(): ObjectState {
    return this.#state;
  }

  /** By the store's clock; undefined: unlimited. */
  get lifetime(): Lifetime | undefined {
    const { lifetime } = this.#state.live;
    return lifetime !== undefined && Number.isFinite(lifetime.untilMs) ? lifetime : undefined;
  }
}

const NO_TOTALS = { rowCount: 0, dataBytes: 0, storedBytes: 0 };

export class SharedEntries {
  readonly #entries = new WeakMap<object, SharedEntry>();

  of({ manifest, live }: ObjectState): SharedEntry {
    const known = this.#entries.get(manifest);
    if (known !== undefined) return known;
    const entry = new SharedEntry({ manifest, live });
    this.#entries.set(manifest, entry);
    return entry;
  }
}
