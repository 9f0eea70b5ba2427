/**
 * What the page asks the API about one object: its facts, a bounded part of its value, and changes.
 */
import type { ListedObject, ObjectPage } from "../api/answers.ts";
import { ApiError, call, getJson, readBytes } from "../api/call.ts";
import { encodePath } from "../format/object-path.ts";

/** The most of a value that the page reads for a preview. */
export const PREVIEW_BYTES_MAX = 4 * 1024 * 1024;
export const PREVIEW_ROWS = 50;
const ARROW_STREAM = "application/vnd.apache.arrow.stream";
const BYTES = "application/octet-stream";

export const objectPath = (key: string) => `/v1/objects/${encodePath(key)}`;

export interface ObjectFacts extends ListedObject {
  /** When it was put or patched last; undefined: the server does not say. */
  readonly modifiedAt: string | undefined;
}

/**
 * From the list, and from the headers of the object. A caller who may get it and not list it has the
 * headers alone.
 * @throws {ApiError} 404 if there is no object
 */
export async function loadFacts(key: string, signal: AbortSignal): Promise<ObjectFacts> {
  const query = new URLSearchParams({ prefix: key, limit: "1" });
  const [listed, headed] = await Promise.allSettled([
    getJson<ObjectPage>(`/v1/objects?${query}`, signal),
    call(objectPath(key), { method: "HEAD", signal }),
  ]);
  const headers = headed.status === "fulfilled" ? headed.value.headers : undefined;
  const found =
    listed.status === "fulfilled" ? listed.value.objects.find((object) => object.key === key) : undefined;
  if (found !== undefined) return { ...found, modifiedAt: isoTime(headers?.get("last-modified")) };
  if (headers !== undefined) return headedFacts(key, headers);
  if (listed.status === "rejected") throw listed.reason;
  throw new ApiError(404, "OBJECT_NOT_FOUND", "there is no object with this key");
}

function headedFacts(key: string, headers: Headers): ObjectFacts {
  const number = (name: string) => Number(headers.get(name) ?? 0);
  return {
    key,
    version: number("x-flame-version"),
    kind: headers.get("x-flame-kind") ?? "opaque",
    rows: number("x-flame-rows"),
    data_bytes: number("content-length"),
    stored_bytes: number("content-length"),
    patches: number("x-flame-patches"),
    expires_at: isoTime(headers.get("expires")) ?? null,
    pinned: false,
    modifiedAt: isoTime(headers.get("last-modified")),
  };
}

function isoTime(text: string | null | undefined): string | undefined {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

export interface ValueStart {
  readonly bytes: Uint8Array;
  /** True if the value goes on after them. */
  readonly isCut: boolean;
}

/** The first rows of a table as an Arrow stream; of any other object, its first bytes. */
export async function loadStart(object: ListedObject, signal: AbortSignal): Promise<ValueStart> {
  const { key, kind, data_bytes: dataBytes } = object;
  if (kind === "table")
    return await readStart(`${objectPath(key)}?rows=${PREVIEW_ROWS}`, ARROW_STREAM, signal);
  const range = dataBytes > PREVIEW_BYTES_MAX ? `bytes=0-${PREVIEW_BYTES_MAX - 1}` : undefined;
  try {
    return await readStart(objectPath(key), BYTES, signal, range);
  } catch (error) {
    // JSON with patches has no form as bytes: its parts are the rows of a stream.
    if (error instanceof ApiError && error.status === 406) {
      return await readStart(objectPath(key), ARROW_STREAM, signal);
    }
    throw error;
  }
}

async function readStart(
  path: string,
  accept: string,
  signal: AbortSignal,
  range?: string,
): Promise<ValueStart> {
  const headers = range === undefined ? { accept } : { accept, range };
  const response = await call(path, { headers, signal });
  const { bytes, isCut } = await readBytes(response, PREVIEW_BYTES_MAX);
  return { bytes, isCut: isCut || response.status === 206 };
}

/** Hands the object to the browser as a file. The browser collects it first: a link has no token. */
export async function download({ key, kind }: ListedObject, fileName: string): Promise<void> {
  const accept = kind === "table" ? "application/vnd.apache.arrow.file" : BYTES;
  const response = await call(objectPath(key), { headers: { accept } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = fileName;
  link.click();
  // The browser has the address by now, and keeps the bytes until the download ends.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export async function deleteObject(key: string): Promise<void> {
  await call(objectPath(key), { method: "DELETE" });
}

export async function setPinned(key: string, isPinned: boolean): Promise<void> {
  await call(`/v1/admin/pins/${encodePath(key)}`, { method: isPinned ? "POST" : "DELETE" });
}
