#!/usr/bin/env -S node --no-memory-reducer
/**
 * The command `flame-object-cache`: runs the command line and ends the process with its exit code.
 *
 * The option in the first line keeps compiled code over idle times (command/process-memory.ts).
 *
 * Only this file handles signals and ends the process. The first SIGTERM or SIGINT requests a stop,
 * which drains; a second one ends the process at once. SIGHUP makes a server with an access file
 * read it again. A verb that has nothing to clean up installs
 * no handlers, so that the default action of a signal ends it even in a long loop.
 * @see docs/configuration.md for options and exit codes.
 */
import { createRequire } from "node:module";
import { constants } from "node:os";
import { EXIT_CODES, SIGNAL_EXIT_BASE } from "./command/exit-codes.ts";
import { PROGRAM_NAME, runCommandLine } from "./command/run-command-line.ts";
import { StopDecision, type StopSignal } from "./command/stop-decision.ts";
import { copyStores } from "./service/copy-stores.ts";
import { startServer } from "./service/start-server.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** Installs the signal handlers. Resolves with the name of the first signal. */
function stopRequested(): Promise<string> {
  const decision = new StopDecision();
  return new Promise((resolve) => {
    const onSignal = (signal: StopSignal): void => {
      const meaning = decision.decide(signal, performance.now());
      if (meaning === "stop") resolve(signal);
      if (meaning === "exit") process.exit(SIGNAL_EXIT_BASE + constants.signals[signal]);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

// Node would exit with 1, which this command uses for a damaged file.
process.on("uncaughtException", (error: unknown) => {
  const stack = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${PROGRAM_NAME}: ${stack}\n`);
  process.exit(EXIT_CODES.internal.code);
});

// The server keeps running if the reader of its standard output closes the pipe.
process.stdout.on("error", () => {});

const outcome = await runCommandLine(process.argv.slice(2), {
  version,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: undefined,
  startServer,
  copyStores,
  stopRequested,
  onHangup: (listener) => void process.on("SIGHUP", listener),
});
process.exit(EXIT_CODES[outcome].code);
