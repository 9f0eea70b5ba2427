/**
 * PUT and UPDATE: an action with the body `NAME:BASE64` stores an opaque value, decoded as it
 * arrives.
 *
 * The name ends at the last colon, because base64 has no colon and a name may have some. Only the
 * chunks that were just read are held, so a large value costs no more memory than a put of it.
 */
import type { Draft } from "../../cache/put-draft.ts";
import { CacheError } from "../../errors.ts";
import { bytesOf, decodeText } from "../../flight/text.ts";
import type { IncomingMessage } from "../../grpc/call.ts";
import { LIMITS } from "../../limits.ts";
import { formatObjectKey, parseObjectKey, parseSessionPrefix } from "../../object/object-key.ts";
import { OpaqueWriter } from "../../object/opaque-writer.ts";
import { turnIfDue } from "../../turns.ts";
import type { ServiceContext } from "../service-context.ts";
import type { CallTerms } from "./call-terms.ts";

const COLON = 0x3a;
/** Three components, two separators, and the final colon. */
const NAME_BYTES_MAX = 3 * LIMITS.keyComponentBytesMax + 3;

/** Stores the value under a generated object id. */
export async function putValue(
  context: ServiceContext,
  body: IncomingMessage,
  terms: CallTerms,
): Promise<Uint8Array> {
  const { name, first } = await readName(body);
  if (terms.facts !== undefined) terms.facts.key = name;
  const prefix = parseSessionPrefix(name.includes("/") ? name : name.replace(":", "/"));
  const draft = context.cache.draftCreate(prefix, "opaque", { ttlMs: terms.ttlMs });
  return await storeValue(context, draft, { first, body, terms });
}

/** Stores the value under the given key. */
export async function updateValue(
  context: ServiceContext,
  body: IncomingMessage,
  terms: CallTerms,
): Promise<Uint8Array> {
  const { name, first } = await readName(body);
  if (terms.facts !== undefined) terms.facts.key = name;
  const draft = context.cache.draftPut(parseObjectKey(name), "opaque", { ttlMs: terms.ttlMs });
  return await storeValue(context, draft, { first, body, terms });
}

/** Reads the name. `first` is the part of the value that was read with it. */
async function readName(body: IncomingMessage): Promise<{ name: string; first: Buffer }> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  while (sizeBytes < Math.min(NAME_BYTES_MAX, body.sizeBytes)) {
    const chunks = (await body.read()) ?? [];
    for (const chunk of chunks) {
      parts.push(chunk);
      sizeBytes += chunk.length;
    }
  }
  const front = parts.length === 1 ? parts[0]! : Buffer.concat(parts, sizeBytes);
  const colon = front.subarray(0, NAME_BYTES_MAX).lastIndexOf(COLON);
  if (colon < 0 && body.sizeBytes > NAME_BYTES_MAX)
    throw new CacheError("INVALID_KEY", "the name is too long");
  if (colon < 0) throw new CacheError("INVALID_REQUEST", "the body of the action must be NAME:BASE64");
  return { name: decodeText(front.subarray(0, colon), "the name"), first: front.subarray(colon + 1) };
}

interface IncomingValue {
  readonly first: Buffer;
  readonly body: IncomingMessage;
  readonly terms: CallTerms;
}

async function storeValue(
  context: ServiceContext,
  draft: Draft,
  { first, body, terms }: IncomingValue,
): Promise<Uint8Array> {
  draft.actor = terms.actor;
  try {
    const writer = new OpaqueWriter(draft.sink);
    const base64 = new Base64Reader();
    let size = 0;
    for (let chunks: Buffer[] | null = [first]; chunks !== null; chunks = await body.read()) {
      const values = chunks.map((chunk) => base64.push(chunk)).filter((value) => value.length > 0);
      for (const value of values) size += value.length;
      await writer.append(values);
      await turnIfDue();
    }
    const last = base64.end();
    size += last.length;
    await writer.append([last]);
    const version = await draft.commit(writer, terms);
    if (terms.facts !== undefined) Object.assign(terms.facts, { key: formatObjectKey(draft.key), version });
    const { endpoint } = context;
    return bytesOf(JSON.stringify({ endpoint, key: formatObjectKey(draft.key), version, size }));
  } finally {
    await draft.discard();
  }
}

const PADDING = "=";

/** Decodes base64 in pieces of any size. Padding may be missing or too long, but must be last. */
class Base64Reader {
  /** Up to three letters of an incomplete group. */
  #rest = "";
  #isPadded = false;

  /** @throws {CacheError} INVALID_REQUEST if it is not base64. */
  push(chunk: Buffer): Buffer {
    let letters = chunk.toString("latin1");
    const padding = letters.indexOf(PADDING);
    if (this.#isPadded || padding >= 0) {
      const end = this.#isPadded ? 0 : padding;
      if (!/^=*$/.test(letters.slice(end))) throw notBase64();
      this.#isPadded = true;
      letters = letters.slice(0, end);
    }
    const text = this.#rest + letters;
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    return decodeLetters(text.slice(0, whole));
  }

  /** @throws {CacheError} INVALID_REQUEST if the last group is truncated. */
  end(): Buffer {
    return decodeLetters(this.#rest);
  }
}

/** Node skips characters that are not base64, which shows as too few bytes. */
function decodeLetters(letters: string): Buffer {
  const value = Buffer.from(letters, "base64");
  if (Math.ceil((value.length * 4) / 3) !== letters.length) throw notBase64();
  return value;
}

function notBase64(): CacheError {
  return new CacheError("INVALID_REQUEST", "the value is not base64");
}
