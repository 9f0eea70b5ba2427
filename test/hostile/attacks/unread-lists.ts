/**
 * Lists of many objects that nobody reads.
 *
 * The objects are files before the server starts, because 50,000 puts would take longer than the attack.
 */
import * as h2 from "../../support/http2-frames.ts";
import { makeStore } from "../../support/many-objects.ts";
import type { Attack } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { openMany, peerAddress } from "../raw-connection.ts";
import { grpcMessage, PATHS, streamOf } from "../requests.ts";

const CONNECTIONS = 3;
const LISTS_EACH = 100;
const LIST_ALL = grpcMessage(Buffer.alloc(0));
const VALUE_BYTES = 100;

export const UNREAD_LISTS: readonly Attack[] = [
  {
    name: "unread-lists",
    part: "memory",
    what: "300 lists of 50,000 objects on 3 connections are not read",
    seconds: 8,
    fill: (directory, scale) =>
      makeStore({
        directory,
        sessions: 10,
        objectsPerSession: Math.ceil(5_000 * scale),
        valueSizeBytes: VALUE_BYTES,
      }),
    async prepare({ target }) {
      const connection = new HonestConnection(target, "127.0.0.1", 60_000);
      // Ends when the server has seen all of them.
      await connection.list();
      connection.close();
    },
    async attack(run) {
      const settings: h2.Setting[] = [[4, 0]];
      const connections = await openMany(run.target, CONNECTIONS, (i) => ({
        from: peerAddress(i),
        settings,
      }));
      for (const connection of connections) {
        for (let i = 0; i < run.scaled(LISTS_EACH); i += 1)
          await connection.call(streamOf(i), PATHS.list, LIST_ALL, h2.END_STREAM);
      }
      await run.hold();
    },
  },
];
