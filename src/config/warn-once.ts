/**
 * Warnings about credentials, each once per process: clients are made often, and files and
 * endpoints stay the same.
 *
 * The caller decides where a warning goes: the client library uses Node's process warnings, the
 * command writes to standard error.
 */

export type Warn = (text: string) => void;

const given = new Set<string>();

/** Gives the warning, unless this process has given the same text before. */
export function warnOnce(text: string, warn: Warn): void {
  if (given.has(text)) return;
  given.add(text);
  warn(text);
}
