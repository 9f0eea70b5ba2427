/**
 * An opaque value as its bytes.
 *
 * | value                   | body                     | media type               |
 * |-------------------------|--------------------------|--------------------------|
 * | JSON of our clients     | without its tag          | application/json         |
 * | bytes of our clients    | without their tag        | application/octet-stream |
 * | any other               | as stored, with its tag  | application/octet-stream |
 *
 * The bytes of patches follow those of the base. JSON that has patches cannot be joined: only the
 * clients know how. Apart from the four bytes of the tag, nothing is looked at.
 */
import type { ObjectReading } from "../../../cache/object-reading.ts";
import { CacheError } from "../../../errors.ts";
import type { ByteRange, StoredObject } from "../../../object/stored-blocks.ts";
import { TAG_NAMES, TAG_SIZE_BYTES, type TagName, tagNumber } from "../../../object/value-tags.ts";
import { turnIfDue } from "../../../turns.ts";
import type { BodyWriter } from "../body-writer.ts";
import { ARROW_STREAM, JSON_TYPE, OCTETS } from "../media-types.ts";
import { type BodyRequest, isPatched, type ObjectBody } from "./object-body.ts";
import { notAcceptable } from "./object-forms.ts";

/** @throws {CacheError} NOT_ACCEPTABLE */
export async function valueBody({ opened, choice }: BodyRequest): Promise<ObjectBody> {
  const { reading, base } = opened;
  const part = await openPart(base);
  const mediaType = mediaTypeOf(part.tag, choice.preference);
  if (!isPatched(opened)) {
    return { mediaType, sizeBytes: part.sizeBytes, send: (writer) => sendPart(part, writer) };
  }
  if (part.tag === "json") throw only(`the value is JSON with patches, which only the clients can join`);
  return {
    mediaType,
    sizeBytes: undefined,
    async send(writer) {
      await sendPart(part, writer);
      await sendPatches(reading, part.tag, writer);
    },
  };
}

function mediaTypeOf(tag: TagName | undefined, preference: BodyRequest["choice"]["preference"]): string {
  if (tag === "json" && preference(JSON_TYPE) > 0) return JSON_TYPE;
  if (preference(OCTETS) > 0) return OCTETS;
  throw tag === "json"
    ? notAcceptable("opaque")
    : new CacheError("NOT_ACCEPTABLE", `the value is not JSON of our clients; its form is ${OCTETS}`);
}

async function sendPatches(reading: ObjectReading, tag: TagName | undefined, writer: BodyWriter) {
  // Bytes that the API appends carry the tag of bytes, whatever they are appended to.
  const isJoined = tag === "bytes" || tag === undefined;
  for (const version of reading.patchesAfter(reading.baseVersion)) {
    await reading.withPatch(version, async (patch) => {
      await sendPart(await openPart(patch, isJoined), writer);
    });
    await turnIfDue();
  }
}

/** The value of a base or a patch. */
interface ValuePart {
  readonly object: StoredObject;
  readonly tag: TagName | undefined;
  /** The first bytes, which have been read. */
  readonly head: Buffer;
  /** Bytes at the front that are not sent. */
  readonly skippedBytes: number;
  readonly sizeBytes: number;
}

async function openPart(object: StoredObject, isJoined = true): Promise<ValuePart> {
  const { codec, dataRanges, source, dataBytes } = object;
  if (codec !== undefined) throw only("the value was put compressed, and the server does not decode it");
  const [first] = dataRanges;
  const headBytes = Math.min(first?.sizeBytes ?? 0, TAG_SIZE_BYTES);
  const head = headBytes === 0 ? Buffer.alloc(0) : await source.read(first!.position, headBytes);
  const tag = TAG_NAMES[tagNumber(head) ?? -1];
  const skippedBytes = isJoined && (tag === "json" || tag === "bytes") ? TAG_SIZE_BYTES : 0;
  return { object, tag, head, skippedBytes, sizeBytes: dataBytes - skippedBytes };
}

async function sendPart({ object, head, skippedBytes }: ValuePart, writer: BodyWriter): Promise<void> {
  await writer.send(head.subarray(skippedBytes));
  const { source } = object;
  for (const [index, range] of object.dataRanges.entries()) {
    await writer.sendRange(source, index === 0 ? behind(range, head.length) : range);
  }
}

function behind({ position, sizeBytes }: ByteRange, bytes: number): ByteRange {
  return { position: position + bytes, sizeBytes: sizeBytes - bytes };
}

function only(reason: string): CacheError {
  return new CacheError("NOT_ACCEPTABLE", `${reason}; get it as ${ARROW_STREAM}`);
}
