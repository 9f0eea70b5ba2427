/**
 * Connections that are taken and say nothing: they hold slots, not memory.
 *
 * After their time-outs they have to be gone, and meanwhile others have to be let in.
 */
import { LIMITS } from "../../../src/limits.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { complainOfOpen, openMany, peerAddress } from "../raw-connection.ts";

const PEERS = 64;
/** How long after its time-out a connection may still be there. */
const LATE_SECONDS = 4;
/** How long all of them may take to connect. */
const DIAL_SECONDS = 4;
const PREFACE_SECONDS = LIMITS.prefaceTimeoutMs / 1000;
const HANDSHAKE_SECONDS = LIMITS.tlsHandshakeTimeoutMs / 1000;

/** The head of a TLS record whose body, a ClientHello, never comes. */
const BEGUN_HANDSHAKE = Buffer.from([0x16, 3, 1, 2, 0]);

async function staySilent(run: AttackRun, timeoutSeconds: number, firstBytes: Buffer): Promise<void> {
  const connections = await openMany(run.target, run.scaled(4_096), (i) => ({
    from: peerAddress(i % PEERS),
    isSilent: true,
    isPlain: true,
  }));
  // Half of them begin.
  for (let i = 0; i < connections.length; i += 2) connections[i]?.socket.write(firstBytes);
  run.note(`${connections.length} silent connections of ${PEERS} peers were let in`);
  await run.hold();
  complainOfOpen(run, connections, timeoutSeconds + LATE_SECONDS);
}

export const SILENT_CONNECTIONS: readonly Attack[] = [
  {
    name: "silent-tcp",
    part: "slots",
    what: "4,096 connections of 64 peers never send a preface",
    seconds: PREFACE_SECONDS + LATE_SECONDS + DIAL_SECONDS,
    attack: (run) => staySilent(run, PREFACE_SECONDS, Buffer.alloc(0)),
  },
  {
    name: "silent-tls",
    part: "slots",
    what: "4,096 connections of 64 peers never begin their TLS handshake, or never end it",
    seconds: HANDSHAKE_SECONDS + LATE_SECONDS + DIAL_SECONDS,
    needs: "tls",
    attack: (run) => staySilent(run, HANDSHAKE_SECONDS, BEGUN_HANDSHAKE),
  },
];
