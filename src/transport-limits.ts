/**
 * The limits of connections and calls: what HTTP/2 and gRPC bound, and the memory and time that calls share. A part of LIMITS
 * (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const TRANSPORT_LIMITS = {
  /** gRPC header block of one call, bytes (HTTP/2 counts 32 per field): as large as grpc-core allows by default times 8. */
  callMetadataBytesMax: 64 * KIB,
  /** Header fields of a call: a byte of HPACK may name one again and again. Clients send about ten. */
  callFieldsMax: 256,
  /** Header blocks of a connection that are remembered, because clients send the same few again and again. */
  rememberedHeaderBlocksMax: 4,
  /** A header block that is remembered, as sent and as decoded, bytes: four of them for each connection. */
  rememberedHeaderBlockBytesMax: 4 * KIB,
  /** A message that is passed on while it arrives, bytes: what the 32-bit length of gRPC can say. */
  streamedMessageBytesMax: 4 * GIB - 1,
  /** Streams one HTTP/2 session may have open: beyond it the peer queues. */
  streamsPerSessionMax: 512,
  /** Open connections, each of 15 to 20 KB; the setting limits.connections. */
  connectionsMax: 1024,
  /** The largest value of that setting. */
  connectionsSettingMax: 65_536,
  /** The part of all connections that one peer address may have. Beyond it the longest idle one without calls gives way. */
  connectionsPeerShare: 3 / 4,
  /** Gaps in the numbers of a connection's streams that are remembered, 50 bytes each: clients leave none. */
  streamGapsMax: 16,
  /** HTTP/2 window of a stream on the server, bytes: an object of 1 MiB is put without waiting for it. */
  streamWindowBytes: 2 * MIB,
  /** HTTP/2 window of a connection on the server, bytes: two streams that nobody reads do not hold up the others. */
  sessionWindowBytes: 8 * MIB,
  /** What our clients let wait to be sent on one connection, bytes. */
  clientSessionSendBytesMax: 512 * MIB,
  /**
   * Memory that calls may make the server hold, bytes; the setting limits.calls_memory. With about 90 MiB of the process itself
   * and its garbage it keeps the promise of max_memory + 192 MiB.
   */
  callsMemoryBytes: 48 * MIB,
  /** The smallest value of that setting, bytes. */
  callsMemoryBytesMin: 8 * MIB,
  /** How long a client should wait after OVERLOADED before it tries again, ms. */
  overloadedRetryMs: 1_000,
  /** What an open connection is charged beside what it holds, bytes: socket, tables, and objects. */
  connectionMemoryBytes: 16 * KIB,
  /** What a call is charged beside what it holds, bytes: its stream, its handler, and their objects. */
  callMemoryBytes: 24 * KIB,
  /** A call reads no less than this of its answer at once, bytes: smaller pieces cost more than they hold. */
  callPieceBytesMin: 16 * KIB,
  /** A call whose peer reads gets pieces of this size, bytes, also when others have taken nearly all memory of calls. */
  callPieceBytesMax: 256 * KIB,
  /** A connection works on what arrived for this long, then others have a turn, ms. */
  connectionSliceMs: 1,
  /** The same where handlers make it longer, at the least: a few dozen small frames, ms. */
  connectionSliceMsMin: 0.05,
  /** Chunks of a socket up to this size are a few calls' work, bytes: most of them are not counted. */
  smallChunkBytes: 4 * KIB,
  /** In a turn of the event loop that has taken this long, what arrives waits for the next one, ms. */
  turnWorkMs: 3,
  /** The same for connections that used little time lately, ms. */
  turnLightMs: 6,
  /** So much at most, ms: in the last second or two some hundred small calls, or a dozen objects of 1 MiB. */
  lightUseMs: 20,
  /** Half of the time that a connection used is forgotten after so long, ms. */
  usedHalfLifeMs: 1_000,
  /** The same for connections that used much time lately, ms. */
  turnHeavyMs: 2,
  /** What waited for a turn gets this much of the next one, ms. */
  turnWaitingMs: 3,
  /** Processor time beyond its share that puts a connection behind the others, ms. */
  connectionDebtMs: 5,
  /** The share of the processor that a connection may use without being put behind others. */
  connectionTimeShare: 0.1,
  /** Bytes of one call that wait in memory for their reader before the stream is paused. */
  receiveQueueBytesMax: 1 * MIB,
  /** Longest deadline that is armed as a timer; longer ones never fire (32-bit timers). */
  deadlineMsMax: 2 ** 31 - 1,
  /** A reset that comes this shortly before a deadline is the other side's: its clock began by the way of the request sooner, or ticks in whole milliseconds. */
  deadlineSkewMs: 5,
  /** What has to have come of a large message before its reader is woken, bytes: one promise for several DATA frames. */
  receiveBatchBytes: 64 * KIB,
  /** A chunk of fewer bytes that has to wait is copied: as a view it would hold the 64 KiB that came with it. */
  receiveViewBytesMin: 512,
  /** Bytes of one call that wait to be sent before its writer has to wait: as much as grpc-core's window takes, so that the next write is at hand when it opens. */
  sendQueueBytesMax: 4 * MIB,
  /** The same with the pieces that are being read for it, bytes: one that is written and one ahead. */
  sendAheadBytesMax: 6 * MIB,
  /** Messages up to this size, prefix included, are copied into one buffer: cheaper than a gathering write. */
  copiedMessageBytesMax: 4 * KIB,
  /** What of a compressed message is inflated at once, bytes. */
  inflatedPieceBytes: 64 * KIB,
  /** Percent-encoded text of a status, bytes: peers refuse trailers over 8 KiB as a whole. */
  statusMessageBytesMax: 4 * KIB,
  /** How long calls under way may go on after a stop was asked for. */
  drainTimeoutMs: 10_000,
  /** A connection that says nothing is asked for a sign of life this often, and closed when none comes in time. */
  keepaliveIntervalMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  /** Threads that serve connections: each costs about 20 MB, and beyond the machine's processors brings nothing. */
  threadsMax: 64,
  /** Bytes of one call's request that crossed from the thread of its connection and were not taken, before its stream is paused there: a stream window, so that a mebibyte crosses without a pause. */
  relayWindowBytes: 2 * MIB,
  /** Bytes that cross between threads in one message, unless one piece is larger: what is left of a message is held by the smallest view of it. */
  relayMessageBytesMax: 256 * KIB,
  /** Header blocks that both sides of a relay keep, so that they cross once: at most rememberedHeaderBlockBytesMax each. */
  crossedRequestsMax: 256,
  /** A thread that serves connections and died is started again, this long after its last start at the earliest. */
  threadRestartMs: 1_000,
  /** Streams a peer may reset within one second, whatever they cost: honest ones cancel a thousand calls at once. */
  resetsPerSecondMax: 4_000,
  /** The same where they cost much (rapid reset, CVE-2023-44487): beyond resetDebtMsMax of processor time. */
  costlyResetsPerSecondMax: 200,
  /** A connection that used this much processor time beyond its share has costly resets, ms. */
  resetDebtMsMax: 500,
  /**
   * PINGs a peer may send within one second before its connection is closed. What we sent in that second allows as many
   * more, by messages and by frames: clients measure their bandwidth with a PING for DATA they got.
   */
  pingsPerSecondMax: 100,
  /** SETTINGS a peer may send within one second before its connection is closed. */
  settingsPerSecondMax: 100,
  /**
   * Frames that bring nothing (empty, priorities, windows, for streams that are gone) a peer may send within one second
   * before its connection is closed. What we sent in that second allows more: clients give a window back for what they read.
   */
  idleFramesPerSecondMax: 10_000,
  /** Answers to PING and SETTINGS that wait because the peer does not read, bytes; beyond it the connection is closed. */
  controlQueueBytesMax: 64 * KIB,
  /** A connection that has not begun to speak HTTP/2 by then is closed. */
  prefaceTimeoutMs: 10_000,
  /** A connection that has not finished its TLS handshake by then is closed. */
  tlsHandshakeTimeoutMs: 10_000,
  /** A frame or a header block that has begun and is not whole by then closes its connection. */
  headerTimeoutMs: 10_000,
  /** How often calls and connections that stand still are looked for. */
  sweepIntervalMs: 1_000,
  /** The same while a call waits for memory and none is free. */
  starvedSweepIntervalMs: 100,
  /** A call that has waited for memory this long gets it from one that moves nothing, ms. */
  starvedMs: 100,
  /** A call that moved nothing for this long is ended when another one waits for its memory, ms. */
  stalledCallMs: 500,
  /** A call on which neither side moves a byte for this long ends with DEADLINE_EXCEEDED; the setting limits.idle_call. */
  idleCallMs: 5 * 60_000,
  /** How long a connection that is being closed may take to send what is left. */
  closeGraceMs: 1_000,
} as const;
