/**
 * Source text with comments, and strings too where asked, turned into blanks: positions and lines stay.
 *
 * A scanner for what occurs in this code base (comments, three kinds of quotes, nested templates, regular
 * expressions by what stands before them); it knows no grammar and needs no compiler.
 */

/** Where a `/` begins a regular expression and is not a division. */
const BEFORE_EXPRESSION = /(^|[(,=:[!&|?{};>+\n]|\breturn)\s*$/;

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`|[{}]|\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g;

/** Keeps line breaks and outer quotes, blanks the rest. */
function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** The end of a template's next literal part: behind its closing quote, or behind `${`. */
function endOfTemplatePart(text: string, start: number): number {
  const match = /(?:\\[\s\S]|(?!\$\{)[^`\\])*(`|\$\{)/y;
  match.lastIndex = start;
  return match.exec(text) === null ? text.length : match.lastIndex;
}

/** The text without comments, and with `strings: false` without the contents of strings and patterns. */
export function blanked(text: string, { strings }: { strings: boolean }): string {
  let result = "";
  let position = 0;
  const open: ("brace" | "template")[] = [];
  const take = (end: number, isKept: boolean): void => {
    result += isKept ? text.slice(position, end) : blank(text.slice(position, end));
    position = end;
  };
  const takeTemplatePart = (): void => {
    const end = endOfTemplatePart(text, position);
    if (text[end - 1] === "{") open.push("template");
    take(end, strings);
  };
  const token = new RegExp(TOKEN);
  while (position < text.length) {
    token.lastIndex = position;
    const match = token.exec(text);
    take(match?.index ?? text.length, true);
    if (match === null) break;
    const found = match[0];
    if (found.startsWith("//") || found.startsWith("/*")) take(token.lastIndex, false);
    else if (found === "{") {
      open.push("brace");
      take(position + 1, true);
    } else if (found === "}" && open.pop() === "template") {
      take(position + 1, strings);
      takeTemplatePart();
    } else if (found === "}") take(position + 1, true);
    else if (found === "`") {
      take(position + 1, strings);
      takeTemplatePart();
    } else if (found.startsWith("/") && !BEFORE_EXPRESSION.test(result.slice(-200))) take(position + 1, true);
    else take(token.lastIndex, strings);
  }
  return result;
}

/** The comments of a text, everything else turned into blanks. */
export function commentsOf(text: string): string {
  const code = blanked(text, { strings: true });
  return text.replace(/[^\n]/g, (letter, position: number) => (code[position] === " " ? letter : " "));
}
