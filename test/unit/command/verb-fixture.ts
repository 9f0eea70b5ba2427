/**
 * Runs commands in the test's process as a shell would: arguments and standard input in, both outputs and the outcome back.
 *
 * A real server is behind them; only the process around the command is made up.
 */
import type { CommandContext } from "../../../src/command/command-context.ts";
import type { ExitName } from "../../../src/command/exit-codes.ts";
import { runCommandLine } from "../../../src/command/run-command-line.ts";
import { copyStores } from "../../../src/service/copy-stores.ts";

export interface RunOptions {
  /** What the command reads; by default nothing. */
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** True: all three streams are a terminal. */
  readonly isTerminal?: boolean;
  /** Resolves when the command is to be stopped. */
  readonly stopped?: Promise<string>;
  /** Variables of the environment; there are no others. */
  readonly env?: Readonly<Record<string, string>>;
  /** Fails from this write to standard output on, as when the reader of a pipe went away. */
  readonly closedAfterWrites?: number;
}

export interface Finished {
  readonly outcome: ExitName;
  readonly out: string;
  /** Standard output as it was written. */
  readonly bytes: Buffer;
  readonly err: string;
}

const TERMINAL_COLUMNS = 80;

export async function runCommand(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { input = "", isTerminal = false, env = {}, closedAfterWrites = Number.POSITIVE_INFINITY } = options;
  const chunks: Buffer[] = [];
  let err = "";
  const terminal = { isTTY: isTerminal, columns: TERMINAL_COLUMNS };
  const context: CommandContext = {
    version: "0.0.0",
    stdin: Object.assign(chunksOf(input), { isTTY: isTerminal }),
    stdout: {
      ...terminal,
      write(chunk, sent) {
        if (chunks.length >= closedAfterWrites) return sent?.(new Error("EPIPE"));
        chunks.push(Buffer.from(chunk as Uint8Array));
        sent?.();
      },
    },
    stderr: {
      ...terminal,
      write(text) {
        err += text;
      },
    },
    // FLAME_HOME is set so that nobody's own configuration is read.
    env: { FLAME_HOME: "/nonexistent", HOME: "/nonexistent", ...env },
    copyStores,
    startServer: () => Promise.reject(new Error("no verb starts a server")),
    stopRequested: () => options.stopped ?? new Promise(() => {}),
    onHangup: () => {},
  };
  const outcome = await runCommandLine(args, context);
  const bytes = Buffer.concat(chunks);
  return { outcome, out: bytes.toString(), bytes, err };
}

async function* chunksOf(input: NonNullable<RunOptions["input"]>): AsyncGenerator<Uint8Array> {
  if (typeof input === "string" || input instanceof Uint8Array) {
    if (input.length > 0) yield Buffer.from(input as Uint8Array);
    return;
  }
  yield* input;
}
