/**
 * A cache server in a process of its own that measures its event loop.
 *
 * Started by `startMeasuredServer` with an IPC channel and the directory of its objects, or none. It sends its endpoint, and what it has
 * measured since the last time whenever it is asked.
 */
import { startServer } from "../../src/server/start-server.ts";
import { serverConfig } from "./in-process-server.ts";
import { type LongestTurn, LoopTurns } from "./loop-turns.ts";

export interface Measured {
  readonly turn: LongestTurn;
  readonly rssBytes: number;
}

const directory = process.argv[2];
const turns = new LoopTurns();
const server = await startServer(serverConfig(directory === "" ? undefined : directory, { threads: 1 }));
process.on("message", () => {
  process.send?.({ turn: turns.take(), rssBytes: process.memoryUsage.rss() } satisfies Measured);
});
process.on("disconnect", () => process.exit());
process.send?.(server.endpoint);
