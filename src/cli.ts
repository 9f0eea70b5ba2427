#!/usr/bin/env node
/**
 * The command `flame-object-cache`: hands the process to the command line and ends it with an exit code.
 *
 * The only file that handles signals and ends the process. The first SIGTERM or SIGINT asks for a stop, which drains; a second
 * one ends the process at once. A verb that leaves nothing behind asks for no handlers: the default action of a signal then
 * ends it, even in a long loop.
 * @see docs/configuration.md for options and exit codes.
 */
import { createRequire } from "node:module";
import { constants } from "node:os";
import { EXIT_CODES, SIGNAL_EXIT_BASE } from "./command/exit-codes.ts";
import { PROGRAM_NAME, runCommandLine } from "./command/run-command-line.ts";
import { StopDecision, type StopSignal } from "./command/stop-decision.ts";
import { startServer } from "./server/start-server.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** Resolves with the first signal's name; from then on signals no longer end the process by themselves. */
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

// A mistake in the program ends it, as by default, but not with the code that means a damaged file.
process.on("uncaughtException", (error: unknown) => {
  const stack = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${PROGRAM_NAME}: ${stack}\n`);
  process.exit(EXIT_CODES.internal.code);
});

// Whoever started us may have stopped reading; that is no reason to stop serving.
process.stdout.on("error", () => {});

const outcome = await runCommandLine(process.argv.slice(2), {
  version,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: undefined,
  startServer,
  stopRequested,
});
process.exit(EXIT_CODES[outcome].code);
