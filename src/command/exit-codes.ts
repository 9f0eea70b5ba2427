/**
 * How the command ends, by name, as numbers of sysexits(3) where it has one; docs/cli.md has the same table.
 *
 * Commands return the name; only cli.ts turns it into the end of the process.
 */
export const EXIT_CODES = {
  ok: { code: 0, meaning: "done, or stopped by a first SIGTERM or SIGINT" },
  damaged: {
    code: 1,
    meaning: "`verify` or `inspect` found a file that is not whole, or the cache an object",
  },
  declined: { code: 2, meaning: "`rm` asked, and the answer was not yes; nothing was deleted" },
  usage: {
    code: 64,
    meaning: "unknown command, option or argument; a key that is none; several deletions without `--yes`",
  },
  dataError: { code: 65, meaning: "what was given cannot be taken or shown, such as broken Arrow bytes" },
  noInput: { code: 66, meaning: "the file or directory to look at cannot be opened, or no object is there" },
  unavailable: {
    code: 69,
    meaning: "the server could not start or be reached, or does not offer this; a package is missing",
  },
  internal: { code: 70, meaning: "a mistake in the program; the stack is on standard error" },
  noOutput: { code: 73, meaning: "the output file cannot be written" },
  serverFailure: { code: 74, meaning: "the server failed: its disk refused, or is full" },
  tryAgain: {
    code: 75,
    meaning: "overloaded, shutting down, too late or in conflict: the same may succeed later",
  },
  noPermission: { code: 77, meaning: "the server does not know the caller, or does not allow this" },
  config: { code: 78, meaning: "a configuration value is wrong; key, value and source are named" },
  interrupted: {
    code: 130,
    meaning: "SIGINT (Ctrl-C) while working with a cache; nothing half-written is left",
  },
  outputClosed: { code: 141, meaning: "whoever read standard output stopped reading" },
  terminated: { code: 143, meaning: "SIGTERM while working with a cache; nothing half-written is left" },
} as const satisfies Record<string, { readonly code: number; readonly meaning: string }>;

export type ExitName = keyof typeof EXIT_CODES;

/** A second signal ends the process at once with this plus the signal's number: 130 or 143. */
export const SIGNAL_EXIT_BASE = 128;
