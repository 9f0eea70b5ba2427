/**
 * `complete-keys WORD`: what a word that is being typed may go on as, for the completion scripts: applications, sessions, keys.
 *
 * Pressing Tab must not take long: it asks for a moment, looks at a bounded number of objects and offers a bounded number of
 * words. A server that cannot be reached offers nothing, and no error.
 */
import { LIMITS } from "../limits.ts";
import { escapeUnseen } from "../log-format.ts";
import { objectsUnder } from "./listed-objects.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export async function completeKeys(word: string, options: VerbOptions, run: VerbRun): Promise<"ok"> {
  const signal = AbortSignal.any([run.signal, AbortSignal.timeout(LIMITS.completionMs)]);
  const offers = new Set<string>();
  try {
    const client = run.open(options);
    let looked = 0;
    for await (const { key } of objectsUnder(client, prefixOf(word), { signal, withFacts: false })) {
      const offer = nextPart(key, word);
      if (offer !== undefined) offers.add(offer);
      looked += 1;
      if (offers.size >= LIMITS.completedWordsMax || looked >= LIMITS.completionObjectsMax) break;
    }
  } catch {
    // What was found until then is offered.
  }
  await run.print([...offers].map((offer) => `${escapeUnseen(offer)}\n`).join(""));
  return "ok";
}

/** All of a word that is whole: `app/ses` is looked for in `app`. */
function prefixOf(word: string): string {
  return word.split("/").slice(0, -1).slice(0, 2).join("/");
}

/** The key up to the next slash behind the word; undefined when it goes on in another way. */
export function nextPart(key: string, word: string): string | undefined {
  if (!key.startsWith(word)) return undefined;
  const slash = key.indexOf("/", word.length);
  return slash < 0 ? key : key.slice(0, slash + 1);
}
