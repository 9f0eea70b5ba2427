/**
 * Prints a view once, or again and again: redrawn in place on a terminal, line after line in a pipe.
 *
 * A view that is higher than the terminal is cut, because what scrolled away cannot be redrawn.
 */
import { setTimeout } from "node:timers/promises";
import { cutToWidth } from "./display-text.ts";
import { cancelled } from "./failure.ts";
import type { VerbRun } from "./verb.ts";

export interface LiveOptions {
  /** True: until Ctrl-C. */
  readonly watch?: boolean;
  /** Seconds between two views. */
  readonly interval: number;
  /** Views to print. Default: no end. */
  readonly count?: number;
}

const ROWS_ASSUMED = 24;
const COLUMNS_ASSUMED = 80;
const CLEAR_BELOW = "\u001b[J";

/** @param draw the lines of the view, without line ends. */
export async function showViews(
  draw: () => Promise<readonly string[]>,
  { watch = false, interval, count = Number.POSITIVE_INFINITY }: LiveOptions,
  run: VerbRun,
): Promise<void> {
  const { stdout } = run.context;
  const isRedrawn = watch && stdout.isTTY === true;
  let shownRows = 0;
  for (let views = 1; ; views += 1) {
    const lines = await draw();
    const shown = isRedrawn ? cut(lines, stdout) : lines;
    const back = shownRows === 0 ? "" : `\u001b[${shownRows}A\r${CLEAR_BELOW}`;
    await run.print(`${back}${shown.map((line) => `${line}\n`).join("")}`);
    shownRows = isRedrawn ? shown.length : 0;
    if (!watch || views >= count) return;
    await pause(interval, run.signal);
  }
}

function cut(
  lines: readonly string[],
  { rows, columns }: { readonly rows?: number; readonly columns?: number },
): readonly string[] {
  // A terminal that does not know its size reports 0.
  const [height, width] = [rows || ROWS_ASSUMED, columns || COLUMNS_ASSUMED];
  return lines.slice(0, Math.max(1, height - 1)).map((line) => cutToWidth(line, width - 1));
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(1000 * seconds, undefined, { signal });
  } catch {
    throw cancelled();
  }
}
