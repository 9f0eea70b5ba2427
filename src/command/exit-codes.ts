/**
 * The exit codes by name, with the numbers of sysexits(3) if it has one.
 *
 * Commands return the name; only cli.ts ends the process. docs/cli.md has the same table.
 */
export const EXIT_CODES = {
  ok: { code: 0, meaning: "done, or stopped by a first SIGTERM or SIGINT" },
  damaged: {
    code: 1,
    meaning: "`verify`, `inspect` or `copy-store` found a damaged file, or the server a damaged object",
  },
  declined: { code: 2, meaning: "the user did not confirm `rm`; nothing was deleted" },
  usage: {
    code: 64,
    meaning: "unknown command, option or argument; invalid key; several deletions without `--yes`",
  },
  dataError: { code: 65, meaning: "the input cannot be stored or displayed, such as malformed Arrow IPC" },
  noInput: { code: 66, meaning: "the file or directory cannot be opened, or the object does not exist" },
  unavailable: {
    code: 69,
    meaning: "the server cannot start, cannot be reached, or does not support this; a package is missing",
  },
  internal: { code: 70, meaning: "a bug in the program; the stack is on standard error" },
  noOutput: { code: 73, meaning: "the output file cannot be written" },
  serverFailure: {
    code: 74,
    meaning: "the server failed, for example because its disk is full or has an error",
  },
  tryAgain: {
    code: 75,
    meaning: "overload, shutdown, deadline or conflict: the same command may succeed later",
  },
  noPermission: { code: 77, meaning: "the server rejects the caller's credentials, or does not permit this" },
  config: { code: 78, meaning: "a configuration value is wrong; the message names key, value and source" },
  interrupted: {
    code: 130,
    meaning: "SIGINT (Ctrl-C) during a verb; nothing half-written remains",
  },
  outputClosed: { code: 141, meaning: "the reader of standard output closed it" },
  terminated: { code: 143, meaning: "SIGTERM during a verb; nothing half-written remains" },
} as const satisfies Record<string, { readonly code: number; readonly meaning: string }>;

export type ExitName = keyof typeof EXIT_CODES;

/** After a second signal the exit code is this plus the signal's number: 130 or 143. */
export const SIGNAL_EXIT_BASE = 128;
