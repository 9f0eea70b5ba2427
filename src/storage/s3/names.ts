/**
 * The names of objects in a bucket.
 *
 *     m/APP/SESSION/OBJECT           the manifest, the only thing that is ever replaced
 *     d/APP/SESSION/OBJECT/RANDOM    a blob, written once; RANDOM is 32 hex digits
 *     q/m/APP/SESSION/OBJECT/RANDOM  the bytes of a damaged manifest
 *     r/ENDPOINT, r/ENDPOINT/HOST    a replica that is alive, renewed every few seconds; empty
 *     floor                          the version floor
 *
 * Components keep A-Z a-z 0-9 - _ and dots; each other byte of UTF-8 is `!` and two hex digits. A
 * component that gets longer than LIMITS.bucketNamePartBytesMax is `!!` and its SHA-256: no escape
 * begins like that, so the two forms cannot collide. The manifest holds the key itself. The longest
 * name has 759 bytes; S3 accepts 1,024, which leaves 265 to the prefix of the cache and its slash.
 */
import { createHash, randomBytes } from "node:crypto";
import { CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { checkKeyComponent, formatObjectKey, type ObjectKey } from "../../object/object-key.ts";

export const MANIFESTS = "m/";
export const BLOBS = "d/";
export const QUARANTINE = "q/";
export const REGISTRATIONS = "r/";
export const FLOOR_NAME = "floor";

/** 32 hex digits, 128 random bits: names of blobs and of operations. */
export const RANDOM_ID = /^[0-9a-f]{32}$/;
/** See StorageCapabilities.refusesVersionedIds. */
const VERSIONED_ID = /:\d+$/;
const PLAIN = /^[A-Za-z0-9_.-]+$/;
const PLAIN_BYTE = /[A-Za-z0-9_.-]/;
const ESCAPED = /^(?:[A-Za-z0-9_.-]|![0-9A-F]{2})+$/;
const HASHED = /^!![0-9a-f]{64}$/;

export function randomId(): string {
  return randomBytes(16).toString("hex");
}

/** The name of one component; the same component always has the same name. */
export function formatNamePart(component: string): string {
  const escaped = PLAIN.test(component) ? component : escapeBytes(component);
  if (escaped.length <= LIMITS.bucketNamePartBytesMax) return escaped;
  return `!!${createHash("sha256").update(component).digest("hex")}`;
}

function escapeBytes(component: string): string {
  let escaped = "";
  for (const byte of Buffer.from(component)) {
    const letter = String.fromCharCode(byte);
    escaped += PLAIN_BYTE.test(letter) ? letter : `!${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

/** The scope of a LIST. */
export interface NameScope {
  readonly applicationId?: string;
  /** Only with `applicationId`. */
  readonly sessionId?: string;
}

export function formatNamePrefix(kind: typeof MANIFESTS | typeof BLOBS, scope: NameScope = {}): string {
  const parts = [scope.applicationId, scope.sessionId].filter((part) => part !== undefined);
  return kind + parts.map((part) => `${formatNamePart(part)}/`).join("");
}

function formatNameParts({ applicationId, sessionId, objectId }: ObjectKey): string {
  return [applicationId, sessionId, objectId].map(formatNamePart).join("/");
}

export function formatManifestName(key: ObjectKey): string {
  return MANIFESTS + formatNameParts(key);
}

export function formatBlobName(key: ObjectKey, id: string): string {
  return `${BLOBS}${formatNameParts(key)}/${id}`;
}

/** What a name says about an object. */
export interface ParsedName {
  /** Name of the manifest. */
  readonly manifestName: string;
  /** Absent if a component is hashed: the manifest holds the key. */
  readonly key?: ObjectKey;
}

/** @returns undefined if the name is not one of ours. */
export function parseManifestName(name: string): ParsedName | undefined {
  if (!name.startsWith(MANIFESTS)) return undefined;
  return parseNameParts(name.slice(MANIFESTS.length).split("/", 4));
}

/** @returns undefined if the name is not one of ours. */
export function parseBlobName(name: string): (ParsedName & { readonly id: string }) | undefined {
  if (!name.startsWith(BLOBS)) return undefined;
  const parts = name.slice(BLOBS.length).split("/", 5);
  const id = parts.pop() ?? "";
  const parsed = RANDOM_ID.test(id) ? parseNameParts(parts) : undefined;
  return parsed && { ...parsed, id };
}

function parseNameParts(parts: readonly string[]): ParsedName | undefined {
  if (parts.length !== 3) return undefined;
  const components = parts.map(parseNamePart);
  if (components.includes("foreign")) return undefined;
  const manifestName = MANIFESTS + parts.join("/");
  const [applicationId, sessionId, objectId] = components.map((part) =>
    part === "foreign" ? undefined : part?.text,
  );
  if (applicationId === undefined || sessionId === undefined || objectId === undefined)
    return { manifestName };
  return { manifestName, key: { applicationId, sessionId, objectId } };
}

/** The component; undefined if it is hashed. Only the one name that we give a component is ours. */
function parseNamePart(part: string): { readonly text: string } | undefined | "foreign" {
  if (HASHED.test(part)) return undefined;
  const text = unescaped(part);
  if (text === undefined) return "foreign";
  try {
    return { text: checkKeyComponent(text) };
  } catch (error) {
    if (isCacheError(error, "INVALID_KEY")) return "foreign";
    throw error;
  }
}

/** Undefined if this is not the one escape that we give a text. */
function unescaped(part: string): string | undefined {
  if (part.length > LIMITS.bucketNamePartBytesMax || !ESCAPED.test(part)) return undefined;
  const bytes = part.replaceAll(/!([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const text = Buffer.from(bytes, "latin1").toString();
  return formatNamePart(text) === part ? text : undefined;
}

/** What the name of a registration says. */
export interface Registration {
  readonly endpoint: string;
  /** Only there the endpoint means this replica; absent: everywhere. */
  readonly host?: string;
}

/** Undefined if the endpoint or the host is too long for a name. */
export function formatRegistrationName({ endpoint, host }: Registration): string | undefined {
  const parts = [endpoint, ...(host === undefined ? [] : [host])].map(formatNamePart);
  return parts.some((part) => HASHED.test(part)) ? undefined : REGISTRATIONS + parts.join("/");
}

/** Two texts that anybody may have written; undefined if the name is not one of ours. */
export function parseRegistrationName(name: string): Registration | undefined {
  if (!name.startsWith(REGISTRATIONS)) return undefined;
  const parts = name.slice(REGISTRATIONS.length).split("/", 3);
  const [endpoint, host] = parts.map(unescaped);
  if (endpoint === undefined || parts.length > 2) return undefined;
  if (parts.length === 1) return { endpoint };
  return host === undefined ? undefined : { endpoint, host };
}

/** @throws {CacheError} INVALID_KEY if the id looks like a version of another one */
export function refuseVersionedId(key: ObjectKey): void {
  if (!VERSIONED_ID.test(key.objectId)) return;
  const text = "with storage s3 an object id cannot end with a colon and digits, as a version does";
  throw new CacheError("INVALID_KEY", text, { facts: { key: formatObjectKey(key) } });
}
