/**
 * The Arrow libraries a host may have, apache-arrow and @uwdata/flechette: their tables in, their tables out.
 *
 * Both are optional peers, imported when a table of theirs is met or wanted. Their objects are known by their shape, so that a
 * table of the host's own copy of a library is taken too. The libraries see what the cache answered: they are as safe as they
 * are (docs/client.md), and `ipc` keeps them out.
 */
import { CacheError } from "../../errors.ts";
import { type IpcMessages, splitIpc } from "./ipc-messages.ts";
import { IpcTable } from "./ipc-table.ts";
import { unreadable } from "./value-tags.ts";

/** What tables come back as: a Table of apache-arrow, a Table of flechette, or an IpcTable. */
export type TableForm = "arrow" | "flechette" | "ipc";

type ArrowLibrary = typeof import("apache-arrow");
type FlechetteLibrary = typeof import("@uwdata/flechette");

/** Keys of schema metadata that are the cache's, not the user's. */
const CACHE_METADATA_PREFIX = "flame.cache.";

function importArrow(): Promise<ArrowLibrary> {
  return import("apache-arrow");
}

function importFlechette(): Promise<FlechetteLibrary> {
  return import("@uwdata/flechette");
}

/**
 * The form tables come back in.
 * @param wanted undefined: apache-arrow's where it is installed, else IpcTable.
 * @throws {CacheError} INVALID_CONFIG when a library is named that is not installed.
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

/** As much of a table of flechette as is looked at here. */
interface FlechetteTable {
  readonly schema: unknown;
  readonly children: readonly { readonly data: readonly FlechetteBatch[] }[];
}

interface FlechetteBatch {
  readonly children?: readonly FlechetteBatch[];
  /** Of a dictionary-encoded batch: the column of its values. */
  readonly dictionary?: unknown;
}

type LibraryObject = "arrowTable" | "arrowBatch" | "flechetteTable";

/** What a value is to the libraries; undefined when it is nothing of theirs. */
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

/** JSON that happens to have a `schema` is JSON. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** True for what `encodeTable` takes: IpcTable, tables of either library, record batches of apache-arrow. */
export function isTable(value: unknown): value is object {
  if (value instanceof IpcTable) return true;
  return isRecord(value) && libraryObject(value) !== undefined;
}

/**
 * A table as messages; bodies are views of the encoded bytes.
 * @throws {CacheError} INVALID_IPC for an IpcTable that is none; INVALID_VALUE when the library cannot encode its table.
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

/** Whether batches of one column have dictionaries of their own: flechette would encode the first batch's only. */
function hasManyDictionaries({ children }: FlechetteTable): boolean {
  return children.some(({ data }) => data.some((batch) => !hasDictionariesOf(data[0]!, batch)));
}

function hasDictionariesOf(first: FlechetteBatch, batch: FlechetteBatch): boolean {
  if (first.dictionary !== batch.dictionary) return false;
  const inner = first.children ?? [];
  return inner.every((child, index) => hasDictionariesOf(child, batch.children![index]!));
}

/** Each batch with its dictionaries before it: those of a later batch replace the earlier ones. */
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
 * A table out of a stream in parts, one per message; the library's vectors are views of them.
 * @throws {CacheError} UNREADABLE_VALUE when the library cannot read it: `ipc` always can.
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

/** The one column of a table: what FLM\x03 holds. An IpcTable stays as it is. */
export function onlyColumn(table: object, form: TableForm): unknown {
  if (form === "ipc") return table;
  return (table as { getChildAt(index: number): unknown }).getChildAt(0);
}

/** Record batches of a table, for who reads it batch by batch: apache-arrow's RecordBatch, else the table itself. */
export function batchesOf(table: object, form: TableForm): readonly object[] {
  return form === "arrow" ? (table as { batches: readonly object[] }).batches : [table];
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
