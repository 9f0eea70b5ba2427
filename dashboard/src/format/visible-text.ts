/**
 * Makes text from the cache safe to look at: characters that are invisible or change the direction
 * of a line are replaced by their code. Pure.
 *
 * Text reaches the page only as text nodes, so it cannot become markup; this is about readers, who
 * must see what is there.
 */

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
const UNSEEN_BUT_LINES = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** For one line. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** Keeps line feeds and tabs. */
export function visibleLines(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(UNSEEN_BUT_LINES, escaped);
}

export function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`;
}

function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`)
    .join("");
}
