/**
 * Connections that are taken and say nothing: they hold slots, not memory.
 *
 * After their time-outs they have to be gone, and meanwhile others have to be let in.
 */
import { LIMITS } from "../../../src/limits.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { openMany, peerAddress } from "../raw-connection.ts";

const PEERS = 64;
/** How long after its time-out a connection may still be there. */
const LATE_SECONDS = 4;

/** The head of a TLS record whose body, a ClientHello, never comes. */
const BEGUN_HANDSHAKE = Buffer.from([0x16, 3, 1, 2, 0]);

async function staySilent(run: AttackRun, count: number, firstBytes = Buffer.alloc(0)): Promise<void> {
  const connections = await openMany(run.target, run.scaled(count), (i) => ({
    from: peerAddress(i % PEERS),
    isSilent: true,
    isPlain: true,
  }));
  // Half of them begin.
  for (let i = 0; i < connections.length; i += 2) connections[i]?.socket.write(firstBytes);
  run.note(`${connections.length} silent connections of ${PEERS} peers were let in`);
  await run.hold();
  const open = connections.filter((each) => !each.isClosed).length;
  if (open > 0) run.complain(`${open} of ${connections.length} silent connections are still open`);
}

export const SILENT_CONNECTIONS: readonly Attack[] = [
  {
    name: "silent-tcp",
    part: "slots",
    what: "4,096 connections of 64 peers never send a preface",
    seconds: LIMITS.prefaceTimeoutMs / 1000 + LATE_SECONDS,
    attack: (run) => staySilent(run, 4_096),
  },
  {
    name: "silent-tls",
    part: "slots",
    what: "4,096 connections of 64 peers never begin their TLS handshake, or never end it",
    seconds: LIMITS.tlsHandshakeTimeoutMs / 1000 + LATE_SECONDS,
    needs: "tls",
    attack: (run) => staySilent(run, 4_096, BEGUN_HANDSHAKE),
  },
];
