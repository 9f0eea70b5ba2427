/**
 * A pipe with a name, also one that a shell makes of `<(command)`, as chunks that can be waited for in vain.
 *
 * Read as a socket and not as a file: a read of a file that never ends keeps a thread, and the process with it, from
 * ending. Opening waits for somebody who writes; to end that wait, we are the writer for a moment.
 */
import fs from "node:fs";
import { Socket } from "node:net";
import { promisify } from "node:util";

const open = promisify(fs.open);
const close = promisify(fs.close);

/** @throws what the system says */
export async function openPipe(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const giveUp = (): void => void beTheWriter(path);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const fd = await open(path, fs.constants.O_RDONLY);
    return new Socket({ fd, readable: true, writable: false });
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

async function beTheWriter(path: string): Promise<void> {
  try {
    await close(await open(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK));
  } catch {
    // Nobody waits there any more.
  }
}
