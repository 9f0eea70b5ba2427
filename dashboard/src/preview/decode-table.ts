/**
 * Decodes the first rows of an Arrow stream in a worker, and ends the worker if it takes too long.
 *
 * The page's policy lets scripts come only from addresses that the policy `dashboard` makes: it makes
 * the address of this worker and no other.
 */
import type { DecodeAnswer, DecodeRequest } from "./decode-worker.ts";
import workerAddress from "./decode-worker.ts?worker&url";
import type { TablePreview } from "./table-rows.ts";

const DEADLINE_MS = 5_000;

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(text: string): string };
}

const trustedTypes = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
const policy = trustedTypes?.createPolicy("dashboard", { createScriptURL: () => workerAddress });

/** @throws {Error} if it cannot be decoded, or not in time */
export async function decodeTable(request: DecodeRequest, signal: AbortSignal): Promise<TablePreview> {
  const worker = new Worker(policy?.createScriptURL("") ?? workerAddress, { type: "module" });
  try {
    const answer = await answerOf(worker, request, signal);
    if ("failure" in answer) throw new Error(answer.failure);
    return answer.table;
  } finally {
    worker.terminate();
  }
}

function answerOf(worker: Worker, request: DecodeRequest, signal: AbortSignal): Promise<DecodeAnswer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("decoding it takes too long")), DEADLINE_MS);
    const settle = (answer: DecodeAnswer) => {
      clearTimeout(timer);
      resolve(answer);
    };
    worker.onmessage = ({ data }) => settle(data as DecodeAnswer);
    worker.onerror = () => settle({ failure: "the decoder failed" });
    signal.addEventListener("abort", () => settle({ failure: "it is not wanted any more" }), { once: true });
    worker.postMessage(request);
  });
}
