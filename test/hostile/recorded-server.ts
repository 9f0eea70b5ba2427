/**
 * The built server with the recorder of turns inside (turn-recorder.mjs), which writes a line every 100 ms.
 *
 * Needs a build (`npm run build`).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ServerOptions, startServer, type TestServer } from "../support/start-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const RECORDER = new URL("./turn-recorder.mjs", import.meta.url).href;

/** What the recorder said of 100 ms. */
export interface TurnRecord {
  readonly time: number;
  /** The turn with the most work: by the clock, and what the thread had of a processor. */
  readonly turnMs: number;
  readonly workedMs: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
}

export interface RecordedServer {
  readonly server: TestServer;
  /** All since its start. */
  records(): TurnRecord[];
  /** Ends it, and removes all that it left. */
  stop(): Promise<void>;
}

export async function startRecordedServer(options: ServerOptions): Promise<RecordedServer> {
  const directory = temporaryDirectory("turns");
  const file = join(directory.path, "turns.jsonl");
  writeFileSync(file, "");
  try {
    const recorder = { NODE_OPTIONS: `--import=${RECORDER}`, TURN_RECORD: file };
    const server = await startServer({ ...options, environment: { ...options.environment, ...recorder } });
    return {
      server,
      records: () => readRecords(file),
      stop: async () => {
        await server.stop("SIGKILL");
        directory.remove();
      },
    };
  } catch (error) {
    directory.remove();
    throw error;
  }
}

function readRecords(file: string): TurnRecord[] {
  const lines = readFileSync(file, "utf8").split("\n");
  // The last one may still be on its way.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as TurnRecord);
}
