/**
 * Gets whose answers nobody reads: by pyarrow programs that are careless, and by one connection without a window.
 *
 * The object is larger than what the memory tier keeps, so that what waits to be sent is memory of its own.
 */
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { openRaw } from "../raw-connection.ts";
import { getRequest, PATHS, streamOf } from "../requests.ts";

const MIB = 2 ** 20;
const KEY = "attack/s/large";

async function putLarge({ target }: AttackRun, sizeBytes: number): Promise<void> {
  const connection = new HonestConnection(target, "127.0.0.1", 60_000);
  await connection.put(KEY, Buffer.alloc(sizeBytes, 7));
  connection.close();
}

/** @param perProcess clients of one process; each has connections of its own */
function startReaders(run: AttackRun, clients: number, perProcess: number): void {
  for (let begun = 0; begun < clients; begun += perProcess) {
    const count = Math.min(perProcess, clients - begun);
    run.python("unread_gets.py", { uri: run.target.endpoint, key: KEY, clients: count, gets: 10 });
  }
}

async function windowZero(run: AttackRun): Promise<void> {
  const connection = await openRaw(run.target, { settings: [[4, 0]] });
  const gets = run.scaled(600);
  for (let i = 0; i < gets; i += 1)
    await connection?.call(streamOf(i), PATHS.get, getRequest(KEY), h2.END_STREAM);
  await run.hold();
  run.note(`${gets} gets: ${connection?.ended.size} ended by the server, goaway ${connection?.goawayCode}`);
}

export const UNREAD_GETS: readonly Attack[] = [
  {
    name: "pyarrow-unread-gets",
    part: "memory",
    what: "64 pyarrow clients begin 10 gets of 256 MiB each and do not read them",
    seconds: 15,
    needs: "pyarrow",
    prepare: (run) => putLarge(run, 256 * MIB),
    async attack(run) {
      startReaders(run, run.scaled(64), 16);
      await run.hold();
    },
  },
  {
    name: "window-zero-gets",
    part: "memory",
    what: "one connection with a window of 0 begins 600 gets of 32 MiB",
    seconds: 8,
    prepare: (run) => putLarge(run, 32 * MIB),
    attack: windowZero,
  },
  {
    name: "tls-window-zero-gets",
    part: "memory",
    what: "the same over TLS",
    seconds: 8,
    needs: "tls",
    prepare: (run) => putLarge(run, 32 * MIB),
    attack: windowZero,
  },
];
