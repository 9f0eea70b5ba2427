/**
 * Programs that a test uses if they are installed, such as helm or systemd-analyze.
 *
 * A missing one is announced by name when the test file loads, so that a skipped test is seen.
 */
import { execFileSync, spawnSync } from "node:child_process";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line of a program that answers to `probe`; undefined, and announced, if it does not. */
export function findTool(
  name: string,
  command: readonly string[],
  probe: readonly string[],
): string[] | undefined {
  const [program = "", ...args] = command;
  try {
    execFileSync(program, [...args, ...probe], { stdio: "pipe" });
    return [...command];
  } catch {
    process.stdout.write(`\n${name}: NOT TESTED WITH IT: ${command.join(" ")} is not installed\n`);
    return undefined;
  }
}

/** Runs a program to its end, whatever its exit code. */
export function runTool(command: readonly string[], cwd?: string): Outcome {
  const [program = "", ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 ** 2,
    ...(cwd !== undefined && { cwd }),
  });
  return { code: status, stdout, stderr };
}
