/**
 * The process that gets killed while it changes an object of the Rust cache. Run by Node, bundled: DIRECTORY ACTION KEY NTH, where
 * it kills itself before the nth step of the action that changes the disk.
 */
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { parseObjectKey } from "../../src/object/object-key.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { ACTIONS } from "./ancestor-actions.ts";

const [directory = "", action = "", key = "", nth = "0"] = process.argv.slice(2);
let countdown = Number.POSITIVE_INFINITY;

const storage = new DiskStorage({
  directory,
  beforeStep: () => {
    countdown -= 1;
    if (countdown === 0) process.kill(process.pid, "SIGKILL");
  },
});
const cache = new IndexedCache(storage);
await cache.start();
for await (const _ of cache.list({ scope: "all" }));
countdown = Number(nth);
await ACTIONS[action as keyof typeof ACTIONS](cache, parseObjectKey(key));
await cache.stop();
