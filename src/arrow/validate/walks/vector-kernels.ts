/**
 * The two loops that most of a body's walk is: no offset below the one before it, and the largest of many indices.
 *
 * A WebAssembly module of five functions, because JavaScript has no vectors: 0.1 ns for 4 bytes where a loop takes 0.9. Each goes over
 * the scratch 16 bytes at a time, which lies in the module's memory from SCRATCH_START on. In its text form:
 *
 *     descents32, descents64   bad |= value | (value < value one element before); the sign bits of `bad` are returned
 *     largest8, 16, 32         most = max_u(most, value), lane by lane; `most` is stored at 0
 *
 * Where the machine has no vectors (the module does not compile) the loops in walk.ts do it all.
 */

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Not 0 when an element of [at, end) is negative or below the one before it. `end - at` is a multiple of 16 above 0. */
  descents32(at: number, end: number): number;
  descents64(at: number, end: number): number;
  largest8(at: number, end: number): void;
  largest16(at: number, end: number): void;
  largest32(at: number, end: number): void;
}

/** Before it lie 16 bytes for what `largest` found, and the element before the first. */
export const SCRATCH_START = 64;

const MODULE = [
  "AGFzbQEAAAABDAJgAn9/AX9gAn9/AAMGBQAAAQEBBQMBAAIHRwYGbWVtb3J5AgAKZGVzY2VudHMzMgAACmRlc2NlbnRz",
  "NjQAAQhsYXJnZXN0OAACCWxhcmdlc3QxNgADCWxhcmdlc3QzMgAECvYBBTkBAnsDQCAA/QAEACEDIAIgAyADIABBBGv9",
  "AAQA/Tn9UP1QIQIgAEEQaiEAIAAgAUkNAAsgAv2kAQs6AQJ7A0AgAP0ABAAhAyACIAMgAyAAQQhr/QAEAP3YAf1Q/VAh",
  "AiAAQRBqIQAgACABSQ0ACyAC/cQBCykBAXsDQCACIAD9AAQA/XkhAiAAQRBqIQAgACABSQ0AC0EAIAL9CwQACyoBAXsD",
  "QCACIAD9AAQA/ZkBIQIgAEEQaiEAIAAgAUkNAAtBACAC/QsEAAsqAQF7A0AgAiAA/QAEAP25ASECIABBEGohACAAIAFJ",
  "DQALQQAgAv0LBAAL",
].join("");

/** What of WebAssembly is used here; the types of Node leave its values out. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** Undefined where they cannot run. */
export function loadKernels(): Kernels | undefined {
  try {
    const { WebAssembly: api } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
    return new api.Instance(new api.Module(Buffer.from(MODULE, "base64"))).exports as Kernels;
  } catch {
    return undefined;
  }
}
