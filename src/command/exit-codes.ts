/**
 * How the command ends, by name, as numbers of sysexits(3); docs/configuration.md has the same table.
 *
 * Commands return the name; only cli.ts turns it into the end of the process.
 */
export const EXIT_CODES = {
  ok: { code: 0, meaning: "done, or stopped by a first SIGTERM or SIGINT" },
  damaged: { code: 1, meaning: "`verify` or `inspect` found a file that is not whole" },
  usage: { code: 64, meaning: "unknown command, option or argument" },
  noInput: { code: 66, meaning: "the file or directory to look at cannot be opened" },
  unavailable: { code: 69, meaning: "the server could not start: the disk or the system refused" },
  internal: { code: 70, meaning: "a mistake in the program; the stack is on standard error" },
  config: { code: 78, meaning: "a configuration value is wrong; key, value and source are named" },
} as const satisfies Record<string, { readonly code: number; readonly meaning: string }>;

export type ExitName = keyof typeof EXIT_CODES;

/** A second signal ends the process at once with this plus the signal's number: 130 or 143. */
export const SIGNAL_EXIT_BASE = 128;
