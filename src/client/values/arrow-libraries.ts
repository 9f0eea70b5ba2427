/**
 * Tables of the optional Arrow libraries, apache-arrow and @uwdata/flechette: encodes and decodes
 * them.
 *
 * Both are optional peer dependencies, imported when one of their tables is put or requested. Their
 * objects are recognised by shape, so that tables of another copy of a library work too. A library
 * decodes bytes from the cache: it must be safe against them (docs/client.md). With `ipc` no
 * library sees them.
 */
import { CacheError } from "../../errors.ts";
import { type IpcMessages, splitIpc } from "./ipc-messages.ts";
import { IpcTable } from "./ipc-table.ts";
import { unreadable } from "./value-tags.ts";

/** The form of returned tables: a Table of apache-arrow, a Table of flechette, or an IpcTable. */
export type TableForm = "arrow" | "flechette" | "ipc";

type ArrowLibrary = typeof import("apache-arrow");
type FlechetteLibrary = typeof import("@uwdata/flechette");

/** Keys of schema metadata that belong to the cache, not to the user. */
const CACHE_METADATA_PREFIX = "flame.cache.";

function importArrow(): Promise<ArrowLibrary> {
  return import("apache-arrow");
}

function importFlechette(): Promise<FlechetteLibrary> {
  return import("@uwdata/flechette");
}

/**
 * The form of returned tables.
 * @param wanted undefined: that of apache-arrow if it is installed, else IpcTable.
 * @throws {CacheError} INVALID_CONFIG if the library is not installed.
 */
export async function resolveTableForm(wanted: TableForm | undefined): Promise<TableForm> {
  if (wanted === "ipc") return "ipc";
  try {
    await (wanted === "flechette" ? importFlechette() : importArrow());
    return wanted ?? "arrow";
  } catch (cause) {
    if (wanted === undefined) return "ipc";
    const name = wanted === "arrow" ? "apache-arrow" : "@uwdata/flechette";
    throw new CacheError(
      "INVALID_CONFIG",
      `tables: "${wanted}" needs the package ${name}, which cannot be imported`,
      {
        cause,
        facts: { key: "tables", value: wanted },
      },
    );
  }
}

/** The used part of a table of flechette. */
interface FlechetteTable {
  readonly schema: unknown;
  readonly children: readonly { readonly data: readonly FlechetteBatch[] }[];
}

interface FlechetteBatch {
  readonly children?: readonly FlechetteBatch[];
  /** The column of values of a dictionary-encoded batch. */
  readonly dictionary?: unknown;
}

type LibraryObject = "arrowTable" | "arrowBatch" | "flechetteTable";

/** The kind of library object; undefined if the value is not one. */
function libraryObject(value: object): LibraryObject | undefined {
  const { schema, batches, children, names, data } = value as Record<string, unknown>;
  if (!isRecord(schema) || !Array.isArray(schema.fields) || isPlain(value)) return undefined;
  if (Array.isArray(batches)) return "arrowTable";
  if (Array.isArray(children) && Array.isArray(names)) return "flechetteTable";
  return isRecord(data) && Array.isArray(data.children) ? "arrowBatch" : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A plain object with a `schema` is still JSON. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * True for the types that `encodeTable` accepts: IpcTable, tables of either library, record batches
 * of apache-arrow.
 */
export function isTable(value: unknown): value is object {
  if (value instanceof IpcTable) return true;
  return isRecord(value) && libraryObject(value) !== undefined;
}

/**
 * Encodes a table as messages; bodies are views of the encoded bytes.
 * @throws {CacheError} INVALID_IPC for an invalid IpcTable; INVALID_VALUE if the library cannot
 *   encode its table.
 */
export async function encodeTable(value: object): Promise<IpcMessages> {
  if (value instanceof IpcTable) return splitIpc(value.bytes);
  let bytes: Uint8Array | null;
  try {
    if (libraryObject(value) === "flechetteTable" && hasManyDictionaries(value as FlechetteTable)) {
      return await encodeBatchByBatch(value as FlechetteTable);
    }
    bytes = await encodeWithLibrary(value);
  } catch (cause) {
    throw new CacheError("INVALID_VALUE", `the table cannot be encoded: ${reasonOf(cause)}`, { cause });
  }
  if (bytes === null) throw new CacheError("INVALID_VALUE", "the table cannot be encoded");
  return splitIpc(bytes);
}

/** True if batches of one column have different dictionaries: flechette encodes only the first. */
function hasManyDictionaries({ children }: FlechetteTable): boolean {
  return children.some(({ data }) => data.some((batch) => !hasDictionariesOf(data[0]!, batch)));
}

function hasDictionariesOf(first: FlechetteBatch, batch: FlechetteBatch): boolean {
  if (first.dictionary !== batch.dictionary) return false;
  const inner = first.children ?? [];
  return inner.every((child, index) => hasDictionariesOf(child, batch.children![index]!));
}

/** Encodes each batch with its dictionaries before it; later dictionaries replace earlier ones. */
async function encodeBatchByBatch({ schema, children }: FlechetteTable): Promise<IpcMessages> {
  const { Column, Table, tableToIPC } = await importFlechette();
  const encoded = children[0]!.data.map((_, index) => {
    const columns = children.map(({ data }) => new Column([data[index] as never]));
    return splitIpc(tableToIPC(new Table(schema as never, columns), { format: "stream" })!);
  });
  return { schemaHeader: encoded[0]!.schemaHeader, batches: encoded.flatMap(({ batches }) => batches) };
}

async function encodeWithLibrary(value: object): Promise<Uint8Array | null> {
  const kind = libraryObject(value);
  if (kind === "flechetteTable") {
    const { tableToIPC } = await importFlechette();
    return tableToIPC(value as Parameters<typeof tableToIPC>[0], { format: "stream" });
  }
  const { Table, tableToIPC } = await importArrow();
  const table =
    kind === "arrowBatch" ? new Table([value as InstanceType<ArrowLibrary["RecordBatch"]>]) : value;
  return tableToIPC(table as InstanceType<typeof Table>, "stream");
}

/**
 * Decodes a table from the parts of a stream, one per message; the library's vectors are views of
 * them.
 * @throws {CacheError} UNREADABLE_VALUE if the library cannot read it; never with `ipc`.
 */
export async function decodeTable(parts: readonly Uint8Array[], form: TableForm): Promise<object> {
  if (form === "ipc") return new IpcTable(parts);
  try {
    const table = form === "arrow" ? await decodeArrow(parts) : await decodeFlechette(parts);
    dropCacheMetadata((table as { schema: { metadata: unknown } }).schema.metadata);
    return table;
  } catch (cause) {
    const library = form === "arrow" ? "apache-arrow" : "@uwdata/flechette";
    throw unreadable(
      `${library} cannot read the table (tables: "ipc" gives its bytes): ${reasonOf(cause)}`,
      cause,
    );
  }
}

async function decodeArrow(parts: readonly Uint8Array[]): Promise<object> {
  const { tableFromIPC } = await importArrow();
  return tableFromIPC([...parts]);
}

async function decodeFlechette(parts: readonly Uint8Array[]): Promise<object> {
  const { tableFromIPC } = await importFlechette();
  return tableFromIPC([...parts]);
}

function dropCacheMetadata(metadata: unknown): void {
  if (!(metadata instanceof Map)) return;
  for (const key of [...metadata.keys()] as string[]) {
    if (key.startsWith(CACHE_METADATA_PREFIX)) metadata.delete(key);
  }
}

/** The only column of a table, which is the value of FLM\x03. An IpcTable is returned unchanged. */
export function onlyColumn(table: object, form: TableForm): unknown {
  if (form === "ipc") return table;
  return (table as { getChildAt(index: number): unknown }).getChildAt(0);
}

/** The record batches of a table: RecordBatch of apache-arrow, else the table itself. */
export function batchesOf(table: object, form: TableForm): readonly object[] {
  return form === "arrow" ? (table as { batches: readonly object[] }).batches : [table];
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
