/**
 * Encodes JSON-like values as UTF-8 text from which every client reads an equal value (tag
 * FLM\x05).
 *
 * | value                               | text                                                  |
 * |-------------------------------------|-------------------------------------------------------|
 * | whole number up to 2^53 - 1         | its digits                                            |
 * | number beyond                       | with an exponent: readers with big integers read it   |
 * |                                     | as float                                              |
 * | -0                                  | -0.0                                                  |
 * | anything JSON would drop or change  | refused, with its path: `value.a[3]`                  |
 *
 * Reading refuses integers that a JavaScript number cannot represent exactly.
 * Cost of writing: one walk, then JSON.stringify of the engine unless a number needs the second or
 * third row.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { unreadable } from "./value-tags.ts";

/** The values that `put` stores as JSON. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * The UTF-8 text of a value.
 * @throws {CacheError} INVALID_VALUE with the path of the part that cannot be stored: undefined, a
 *   bigint, a function, a symbol, NaN or an infinity, an object of a class (such as Date or Map), a
 *   cycle, nesting deeper than LIMITS.jsonDepthMax.
 */
export function encodeJson(value: unknown): Buffer {
  const walk = new JsonWalk();
  walk.check(value);
  return Buffer.from(walk.needsOwnText ? formatJson(value as JsonValue) : JSON.stringify(value));
}

type Step = string | number;

/** Walks through a value once, and tracks the path for errors. */
class JsonWalk {
  needsOwnText = false;
  readonly #path: Step[] = [];
  readonly #open = new Set<object>();

  check(value: unknown): void {
    if (typeof value === "string" || typeof value === "boolean" || value === null) return;
    if (typeof value === "number") this.#checkNumber(value);
    else if (typeof value === "object") this.#checkObject(value);
    else throw this.#refuse(`is ${value === undefined ? "undefined" : `a ${typeof value}`}`);
  }

  #checkNumber(value: number): void {
    if (!Number.isFinite(value)) throw this.#refuse(`is ${value}`);
    if (Object.is(value, -0) || isLargeInteger(value)) this.needsOwnText = true;
  }

  #checkObject(value: object): void {
    if (this.#open.has(value)) throw this.#refuse("contains itself");
    if (this.#path.length >= LIMITS.jsonDepthMax) {
      throw this.#refuse(`is nested deeper than ${LIMITS.jsonDepthMax}`);
    }
    this.#open.add(value);
    if (Array.isArray(value))
      for (let index = 0; index < value.length; index++) this.#step(index, value[index]);
    else this.#checkRecord(value);
    this.#open.delete(value);
  }

  #checkRecord(value: object): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    // An object of another realm has another Object.prototype, whose prototype is null.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw this.#refuse(`is an object of class ${value.constructor?.name || "unknown"}`);
    }
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#refuse("has a symbol for a key");
    for (const [key, item] of Object.entries(value)) this.#step(key, item);
  }

  #step(step: Step, value: unknown): void {
    this.#path.push(step);
    this.check(value);
    this.#path.pop();
  }

  #refuse(what: string): CacheError {
    const path = formatPath(this.#path);
    return new CacheError("INVALID_VALUE", `${path} ${what}, which cannot be stored as JSON`, {
      facts: { path },
    });
  }
}

const PATH_STEPS_MAX = 20;

/** Such as `value.a[3]["b c"]`; a long path is truncated. */
function formatPath(path: readonly Step[]): string {
  const steps = path.slice(0, PATH_STEPS_MAX).map((step) => {
    if (typeof step === "number") return `[${step}]`;
    return /^[A-Za-z_$][\w$]{0,63}$/.test(step) ? `.${step}` : `[${JSON.stringify(step.slice(0, 64))}]`;
  });
  return `value${steps.join("")}${path.length > PATH_STEPS_MAX ? "..." : ""}`;
}

function isLargeInteger(value: number): boolean {
  return Math.abs(value) > Number.MAX_SAFE_INTEGER;
}

/** As JSON.stringify, except for numbers that other readers would read as different values. */
function formatJson(value: JsonValue): string {
  if (typeof value === "number") {
    if (Object.is(value, -0)) return "-0.0";
    return isLargeInteger(value) ? value.toExponential() : String(value);
  }
  if (Array.isArray(value)) return `[${value.map(formatJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${formatJson(item)}`);
  return `{${entries.join(",")}}`;
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** A shorter run of digits is at most 2^53. */
const MANY_DIGITS = /\d{16}/;

/**
 * Decodes a new value from UTF-8 text.
 * @throws {CacheError} UNREADABLE_VALUE if it is not JSON, or has an integer beyond 2^53 - 1.
 */
export function decodeJson(bytes: Uint8Array): JsonValue {
  let text: string;
  let value: JsonValue;
  try {
    text = DECODER.decode(bytes);
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw unreadable("the value is tagged as JSON but is not valid JSON", cause);
  }
  if (MANY_DIGITS.test(text)) refuseLargeIntegers(text);
  return value;
}

/** Skips strings. Digits after a dot, or before a dot or an exponent, are not an integer. */
function refuseLargeIntegers(text: string): void {
  const next = /"|\d{16,}/g;
  for (let found = next.exec(text); found !== null; found = next.exec(text)) {
    if (found[0] === '"') {
      next.lastIndex = stringEnd(text, next.lastIndex);
      continue;
    }
    const isWhole = text[found.index - 1] !== "." && !/[.eE]/.test(text[next.lastIndex] ?? "");
    if (!isWhole || Number.isSafeInteger(Number(found[0]))) continue;
    const shown = found[0].slice(0, 40);
    throw unreadable(`the JSON value has the integer ${shown}, which a JavaScript number cannot represent`);
  }
}

/** The position after the closing quote of the string that contains `from`. */
function stringEnd(text: string, from: number): number {
  for (let at = from; ; at += 1) {
    at = text.indexOf('"', at);
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}
