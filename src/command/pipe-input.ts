/**
 * Opens a named pipe, also one that a shell creates for `<(command)`, as chunks whose wait can end.
 *
 * It is read as a socket and not as a file: a pending file read keeps a thread, and so the process,
 * from ending. Opening a pipe waits for a writer. To end that wait, this file opens the pipe for
 * writing itself.
 */
import fs from "node:fs";
import { Socket } from "node:net";
import { promisify } from "node:util";

const open = promisify(fs.open);
const close = promisify(fs.close);

/** @throws the error of the system call. */
export async function openPipe(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const endWait = (): void => void openForWriting(path);
  signal.addEventListener("abort", endWait, { once: true });
  try {
    const fd = await open(path, fs.constants.O_RDONLY);
    return new Socket({ fd, readable: true, writable: false });
  } finally {
    signal.removeEventListener("abort", endWait);
  }
}

async function openForWriting(path: string): Promise<void> {
  try {
    await close(await open(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK));
  } catch {
    // The pipe is already open, or was removed.
  }
}
