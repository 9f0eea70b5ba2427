/**
 * The two hot loops of body checks with SIMD: whether offsets descend, and the largest index.
 *
 * A WebAssembly module of five functions, because JavaScript has no vectors: 0.1 ns per 4 bytes
 * against 0.9 for a loop. Each processes 16 bytes at a time of the scratch, which is in the
 * module's memory from SCRATCH_START on. In text form:
 *
 *     descents32, descents64   bad |= value | (value < previous value); returns sign bits of bad
 *     largest8, 16, 32         most = max_u(most, value), lane by lane; most is stored at 0
 *
 * If the machine has no vectors (the module does not compile), the loops in walk.ts replace it.
 */

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer };
  /**
   * Nonzero if an element of [at, end) is negative or below the previous one. `end - at` is a
   * positive multiple of 16.
   */
  descents32(at: number, end: number): number;
  descents64(at: number, end: number): number;
  largest8(at: number, end: number): void;
  largest16(at: number, end: number): void;
  largest32(at: number, end: number): void;
}

/** The 16 bytes before it hold the result of `largest`, and the element before the first. */
export const SCRATCH_START = 64;

const MODULE = [
  "AGFzbQEAAAABDAJgAn9/AX9gAn9/AAMGBQAAAQEBBQMBAAIHRwYGbWVtb3J5AgAKZGVzY2VudHMzMgAACmRlc2NlbnRz",
  "NjQAAQhsYXJnZXN0OAACCWxhcmdlc3QxNgADCWxhcmdlc3QzMgAECvYBBTkBAnsDQCAA/QAEACEDIAIgAyADIABBBGv9",
  "AAQA/Tn9UP1QIQIgAEEQaiEAIAAgAUkNAAsgAv2kAQs6AQJ7A0AgAP0ABAAhAyACIAMgAyAAQQhr/QAEAP3YAf1Q/VAh",
  "AiAAQRBqIQAgACABSQ0ACyAC/cQBCykBAXsDQCACIAD9AAQA/XkhAiAAQRBqIQAgACABSQ0AC0EAIAL9CwQACyoBAXsD",
  "QCACIAD9AAQA/ZkBIQIgAEEQaiEAIAAgAUkNAAtBACAC/QsEAAsqAQF7A0AgAiAA/QAEAP25ASECIABBEGohACAAIAFJ",
  "DQALQQAgAv0LBAAL",
].join("");

/** The used part of WebAssembly; Node's types lack its values. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** Undefined if the machine cannot run them. */
export function loadKernels(): Kernels | undefined {
  try {
    const { WebAssembly: api } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
    return new api.Instance(new api.Module(Buffer.from(MODULE, "base64"))).exports as Kernels;
  } catch {
    return undefined;
  }
}
