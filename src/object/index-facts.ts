/**
 * What an index must know of an object without opening its files.
 *
 * The one description for all who carry it: the footer's reader (file-facts.ts), the scan, which
 * passes it as columns (storage/scanned-facts.ts), the loader, and the index.
 */
import type { FileForm } from "./file-head.ts";
import type { Lifetime, ObjectKind } from "./object-metadata.ts";
import type { ValuePlace } from "./stored-blocks.ts";

/** One file of an object: its base, or a patch. */
export interface PartFacts {
  readonly version: number;
  readonly rowCount: number;
  /** Opaque: bytes of the value. Table: bytes of all bodies. */
  readonly dataBytes: number;
  readonly fileSizeBytes: number;
}

export interface BaseFacts extends PartFacts {
  readonly kind: ObjectKind;
  readonly form: FileForm;
  /** The lifetime given at its put. */
  readonly lifetime?: Lifetime | undefined;
  /** Name of the identity that put it, if known. */
  readonly putBy?: string | undefined;
  /** Position of the value in the file of an opaque base with one unmodified row. */
  readonly value?: ValuePlace | undefined;
}
