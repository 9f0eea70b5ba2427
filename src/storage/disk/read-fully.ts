/**
 * Fills a buffer from a file, and continues after short reads (one call reads at most 2 GiB).
 *
 * Both functions return the bytes read: fewer than the buffer's size only at the end of the file.
 */
import fs from "node:fs";

export function readFullySync(fd: number, bytes: Buffer, position: number): number {
  let done = 0;
  while (done < bytes.length) {
    const got = fs.readSync(fd, bytes, done, bytes.length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

export function readFully(fd: number, bytes: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let done = 0;
    const next = (): void => {
      fs.read(fd, bytes, done, bytes.length - done, position + done, (error, got) => {
        done += got;
        if (error) reject(error);
        else if (got === 0 || done === bytes.length) resolve(done);
        else next();
      });
    };
    next();
  });
}
