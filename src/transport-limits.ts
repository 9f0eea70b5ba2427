/**
 * The limits of connections and calls: HTTP/2, gRPC, and the memory and time that calls share. A
 * part of LIMITS (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const TRANSPORT_LIMITS = {
  /** gRPC header block of a call, bytes (plus 32 per field): 8 times grpc-core's default. */
  callMetadataBytesMax: 64 * KIB,
  /** Header fields of a call. One byte of HPACK can repeat a field; clients send about ten. */
  callFieldsMax: 256,
  /** Header blocks cached per connection, because clients repeat the same few. */
  rememberedHeaderBlocksMax: 4,
  /** One cached header block, encoded or decoded, bytes. Each connection caches four. */
  rememberedHeaderBlockBytesMax: 4 * KIB,
  /** How long the event loop stays awake for the next request after an answer, ms. */
  pollMs: 0.25,
  /** Answers after which it does not, at most, while requests come later. */
  pollPauseMax: 15,
  /** How often the load of the machine is looked at for that, ms. */
  pollLoadMs: 1_000,
  /** A message that is passed on while it arrives, bytes: the maximum of gRPC's 32-bit length. */
  streamedMessageBytesMax: 4 * GIB - 1,
  /** Open streams of one HTTP/2 session. If this many are open, the client queues. */
  streamsPerSessionMax: 512,
  /** Open connections, 15 to 20 KB each; the setting limits.connections. */
  connectionsMax: 1024,
  /** The largest value of that setting. */
  connectionsSettingMax: 65_536,
  /**
   * Share of all connections that one peer address may have. A further connection closes the
   * address's longest idle one.
   */
  connectionsPeerShare: 3 / 4,
  /** Remembered gaps in a connection's stream numbers, 50 bytes each. Clients leave none. */
  streamGapsMax: 16,
  /** HTTP/2 window of a stream on the server, bytes: a put of 1 MiB does not wait for it. */
  streamWindowBytes: 2 * MIB,
  /** HTTP/2 window of a connection on the server, bytes: two unread streams block no other. */
  sessionWindowBytes: 8 * MIB,
  /** Bytes that our clients queue for sending on one connection. */
  clientSessionSendBytesMax: 512 * MIB,
  /**
   * Memory that calls may make the server hold, bytes; the setting limits.calls_memory. Together
   * with about 90 MiB for the process and its garbage it stays within max_memory + 192 MiB.
   */
  callsMemoryBytes: 48 * MIB,
  /** Smallest value of that setting, bytes. */
  callsMemoryBytesMin: 8 * MIB,
  /** How long a client should wait after OVERLOADED before it retries, ms. */
  overloadedRetryMs: 1_000,
  /** Fixed charge for an open connection, bytes: socket, tables, and objects. */
  connectionMemoryBytes: 16 * KIB,
  /** Fixed charge for a call, bytes: its stream, its handler, and their objects. */
  callMemoryBytes: 24 * KIB,
  /** Smallest piece of an answer that a call reads, bytes. Smaller ones are inefficient. */
  callPieceBytesMin: 16 * KIB,
  /**
   * A call whose peer reads gets pieces of this size, bytes, even if other calls use nearly all of
   * the memory.
   */
  callPieceBytesMax: 256 * KIB,
  /** How long a connection processes received data before others get a turn, ms. */
  connectionSliceMs: 1,
  /** Lower bound of that slice if handlers add to it, ms: a few dozen small frames. */
  connectionSliceMsMin: 0.05,
  /** Socket chunks up to this size hold only a few calls, bytes. Most are not counted. */
  smallChunkBytes: 4 * KIB,
  /** After this time in one turn of the event loop, arriving data waits for the next, ms. */
  turnWorkMs: 3,
  /** The same for connections that used little time recently, ms. */
  turnLightMs: 6,
  /**
   * The most a connection may have used recently for turnLightMs, ms: over the last second or two
   * some hundred small calls, or a dozen objects of 1 MiB.
   */
  lightUseMs: 20,
  /** Half-life of the time that a connection has used, ms. */
  usedHalfLifeMs: 1_000,
  /** As turnWorkMs, for connections that used much time recently, ms. */
  turnHeavyMs: 2,
  /** Part of the next turn for connections that waited, ms. */
  turnWaitingMs: 3,
  /** A connection this far over its share of processor time is served after others, ms. */
  connectionDebtMs: 5,
  /** Share of the processor that a connection may use before it is served after the others. */
  connectionTimeShare: 0.1,
  /** Bytes of one call that wait in memory for their reader before the stream is paused. */
  receiveQueueBytesMax: 1 * MIB,
  /** Longest deadline that gets a timer. Longer ones never fire (32-bit timers). */
  deadlineMsMax: 2 ** 31 - 1,
  /**
   * A reset this shortly before a deadline was caused by the same deadline at the peer: the peer's
   * clock started earlier by the transit time of the request, or counts in whole milliseconds.
   */
  deadlineSkewMs: 5,
  /**
   * Bytes of a large message that must have arrived before its reader wakes: one promise for
   * several DATA frames.
   */
  receiveBatchBytes: 64 * KIB,
  /**
   * A chunk smaller than this that has to wait is copied, bytes: a view would retain the 64 KiB it
   * arrived in.
   */
  receiveViewBytesMin: 512,
  /**
   * Bytes of one call that wait to be sent before its writer has to wait: as large as the window of
   * grpc-core, so that the next write is ready when the window opens.
   */
  sendQueueBytesMax: 4 * MIB,
  /** The same plus the pieces being read for it, bytes: one being written and one ahead. */
  sendAheadBytesMax: 6 * MIB,
  /**
   * Messages up to this size, including the prefix, are copied into one buffer: cheaper than a
   * gathering write.
   */
  copiedMessageBytesMax: 4 * KIB,
  /** Bytes of a compressed message that are inflated at once. */
  inflatedPieceBytes: 64 * KIB,
  /** Percent-encoded status message, bytes. Peers refuse trailers over 8 KiB in total. */
  statusMessageBytesMax: 4 * KIB,
  /** How long running calls may continue after a stop. */
  drainTimeoutMs: 10_000,
  /** A silent connection is pinged at this interval, and closed if no answer comes in time. */
  keepaliveIntervalMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  /**
   * Threads that serve connections. Each costs about 20 MB; more threads
   * than processors bring no gain.
   */
  threadsMax: 64,
  /**
   * Bytes of one request that its connection thread has sent to the host and that are not consumed
   * yet, before that thread pauses the stream. One stream window, so that a mebibyte passes without
   * a pause.
   */
  relayWindowBytes: 2 * MIB,
  /**
   * Bytes that one message carries between threads, unless one piece is larger. The smallest
   * remaining view retains the whole message.
   */
  relayMessageBytesMax: 256 * KIB,
  /**
   * Header blocks that both sides of a relay keep, so that each is sent once: at most
   * rememberedHeaderBlockBytesMax each.
   */
  relayedHeaderBlocksMax: 256,
  /** A connection thread that died is restarted at the earliest this long after its last start. */
  threadRestartMs: 1_000,
  /**
   * Streams a peer may reset within one second, whatever they cost. Honest clients cancel a
   * thousand calls at once.
   */
  resetsPerSecondMax: 4_000,
  /**
   * The same for expensive resets (rapid reset, CVE-2023-44487), which are those beyond
   * resetDebtMsMax of processor time.
   */
  costlyResetsPerSecondMax: 200,
  /** Resets are expensive if their connection used this much time beyond its share, ms. */
  resetDebtMsMax: 500,
  /**
   * PINGs a peer may send within one second before its connection is closed. Each message and frame
   * that we sent in that second allows more: clients measure their bandwidth with a PING per DATA.
   */
  pingsPerSecondMax: 100,
  /** SETTINGS a peer may send within one second before its connection is closed. */
  settingsPerSecondMax: 100,
  /**
   * Frames without effect (empty, PRIORITY, WINDOW_UPDATE, for closed streams) that a peer may send
   * within one second before its connection is closed. What we sent in that second allows more,
   * because clients send a WINDOW_UPDATE for what they read.
   */
  idleFramesPerSecondMax: 10_000,
  /**
   * Answers to PING and SETTINGS that wait because the peer does not read, bytes. If more wait, the
   * connection is closed.
   */
  controlQueueBytesMax: 64 * KIB,
  /** Client certificates that a connection thread sends once and then names by a number. */
  relayedCertificatesMax: 256,
  /** A connection that has not started HTTP/2 by then is closed. */
  prefaceTimeoutMs: 10_000,
  /** A connection that has not finished its TLS handshake by then is closed. */
  tlsHandshakeTimeoutMs: 10_000,
  /** Alternative names of a client certificate. A certificate with more is refused. */
  clientCertificateNamesMax: 100,
  /** Text of the alternative names of a client certificate, characters. One with more is refused. */
  clientCertificateTextMax: 16 * KIB,
  /** If a frame or header block is still incomplete by then, its connection is closed. */
  headerTimeoutMs: 10_000,
  /** How often the server looks for stalled calls and connections. */
  sweepIntervalMs: 1_000,
  /** The same while a call waits for memory and none is free. */
  starvedSweepIntervalMs: 100,
  /** A call that has waited this long for memory gets it from a stalled call, ms. */
  starvedMs: 100,
  /** A call without progress for this long is ended if another call waits for its memory, ms. */
  stalledCallMs: 500,
  /**
   * A call on which neither side moves a byte for this long ends with DEADLINE_EXCEEDED; the
   * setting limits.idle_call.
   */
  idleCallMs: 5 * 60_000,
  /** How long a closing connection may take to send what is queued. */
  closeGraceMs: 1_000,
} as const;
