#!/usr/bin/env node
/**
 * The command `flame-object-cache`: hands the process to the command line and ends it with an exit code.
 *
 * The only file that knows of signals and of how the process ends. The first SIGTERM or SIGINT asks to stop, which drains;
 * a second one ends the process at once.
 * @see docs/configuration.md for options and exit codes.
 */
import { createRequire } from "node:module";
import { constants } from "node:os";
import { EXIT_CODES, SIGNAL_EXIT_BASE } from "./command/exit-codes.ts";
import { runCommandLine } from "./command/run-command-line.ts";
import { LIMITS } from "./limits.ts";
import { startServer } from "./server/start-server.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** Resolves with the first signal's name; from then on signals no longer end the process by themselves. */
function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    const onSignal = (signal: "SIGTERM" | "SIGINT"): void => {
      const nowMs = performance.now();
      if (firstAtMs === undefined) {
        firstAtMs = nowMs;
        resolve(signal);
        return;
      }
      // Ctrl-C under `npm start` arrives twice: from the terminal and, passed on, from npm.
      if (signal === "SIGINT" && nowMs - firstAtMs < LIMITS.repeatedInterruptMs) return;
      process.exit(SIGNAL_EXIT_BASE + constants.signals[signal]);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

// Whoever started us may have stopped reading; that is no reason to stop serving.
process.stdout.on("error", () => {});

const outcome = await runCommandLine(process.argv.slice(2), {
  version,
  stdout: process.stdout,
  stderr: process.stderr,
  env: undefined,
  startServer,
  stopRequested,
});
process.exit(EXIT_CODES[outcome].code);
