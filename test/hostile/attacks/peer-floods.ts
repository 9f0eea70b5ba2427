/**
 * A flood as two attacks: from one connection, and from 16 connections of 16 peers at once.
 *
 * The flood says what one connection sends until the attack is over; the two differ in nothing but the number.
 */
import type { Attack, AttackRun } from "../attack-run.ts";
import { openMany, peerAddress, type RawConnection } from "../raw-connection.ts";

const PEERS = 16;

export interface PeerFlood {
  readonly name: string;
  /** Continues the words "one connection". */
  readonly what: string;
  /** What is counted. */
  readonly unit: string;
  /** @returns how many one connection sent */
  send(run: AttackRun, connection: RawConnection, number: number): Promise<number>;
}

async function floodFrom(count: number, run: AttackRun, { unit, send }: PeerFlood): Promise<void> {
  const connections = await openMany(run.target, count, (i) => ({ from: peerAddress(i) }));
  const sent = await Promise.all(connections.map((each, i) => send(run, each, i)));
  await run.hold();
  const total = sent.reduce((sum, each) => sum + each, 0);
  const closed = connections.filter((each) => each.isClosed).length;
  run.note(`${total} ${unit}, ${closed} of ${count} connections closed`);
}

export function peerFloods(flood: PeerFlood): readonly Attack[] {
  const processor = { part: "processor", seconds: 6 } as const;
  const { name, what } = flood;
  return [
    { ...processor, name, what: `one connection ${what}`, attack: (run) => floodFrom(1, run, flood) },
    {
      ...processor,
      name: `${name}-many`,
      what: `${PEERS} connections of ${PEERS} peers do`,
      attack: (run) => floodFrom(PEERS, run, flood),
    },
  ];
}
