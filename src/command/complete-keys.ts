/**
 * `complete-keys WORD`: prints completions of a partly typed key: applications, sessions or keys.
 *
 * The completion scripts call it. Tab must respond fast, so time, listed objects and printed words
 * are limited. If the server cannot be reached, it prints nothing and does not fail.
 */
import { LIMITS } from "../limits.ts";
import { escapeInvisible } from "../log-format.ts";
import { objectsUnder } from "./listed-objects.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export async function completeKeys(word: string, options: VerbOptions, run: VerbRun): Promise<"ok"> {
  const signal = AbortSignal.any([run.signal, AbortSignal.timeout(LIMITS.completionMs)]);
  const offers = new Set<string>();
  try {
    const client = run.open(options);
    let listedCount = 0;
    for await (const { key } of objectsUnder(client, prefixOf(word), { signal, withFacts: false })) {
      const offer = nextPart(key, word);
      if (offer !== undefined) offers.add(offer);
      listedCount += 1;
      if (offers.size >= LIMITS.completedWordsMax || listedCount >= LIMITS.completionObjectsMax) break;
    }
  } catch {
    // Offer the words that were found before the failure.
  }
  await run.print([...offers].map((offer) => `${escapeInvisible(offer)}\n`).join(""));
  return "ok";
}

/** The complete parts of the word: for `app/ses`, list `app`. */
function prefixOf(word: string): string {
  return word.split("/").slice(0, -1).slice(0, 2).join("/");
}

/**
 * The key up to the first slash after the word; undefined if the key does not begin with the word.
 */
export function nextPart(key: string, word: string): string | undefined {
  if (!key.startsWith(word)) return undefined;
  const slash = key.indexOf("/", word.length);
  return slash < 0 ? key : key.slice(0, slash + 1);
}
