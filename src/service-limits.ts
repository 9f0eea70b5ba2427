/**
 * The limits of access and quotas, of tokens of identity providers, and of the HTTP listeners. A part
 * of LIMITS (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export const SERVICE_LIMITS = {
  /** Applications and identities whose use of a quota is remembered. Of more, old ones are forgotten. */
  quotasMax: 4096,
  /** How late a put over a quota is refused, and how many refusals wait; others are sent at once. */
  quotaRefusalDelayMs: 100,
  quotaRefusalsWaitingMax: 512,
  /** Request line and headers of one HTTP request, bytes. A key is at most 2 KiB, encoded. */
  httpHeaderBytesMax: 16 * KIB,
  /** How long the headers of an HTTP request may take. */
  httpHeadersTimeoutMs: 10_000,
  /** How long an idle HTTP connection stays open. */
  httpKeepAliveMs: 5_000,
  /** Open connections of one HTTP listener. */
  httpConnectionsMax: 128,
  /** Requests that a client may send before the answer to an earlier one. One more ends the connection. */
  httpPipelinedMax: 8,
  /**
   * Bytes that node:http parses at once: in chunks of one byte, half a millisecond; and of a
   * connection whose bytes take little time.
   */
  httpSliceBytesMin: 2 * KIB,
  httpSliceBytesMax: 16 * KIB,
  /** Bytes of a body that wait for their reader; then the connection is not read. */
  httpArrivedBytesMax: 64 * KIB,
  /** A read of a connection with more chunks counts towards the chunks per second. */
  httpChunksPerReadMax: 64,
  /** Small chunks of all uploads over HTTP: they may take a fifth of a processor. */
  httpChunksPerSecond: 100_000,
  /** Requests of the HTTP API that run at once, on all listeners; others wait. */
  httpTransfersMax: 16,
  /** Bytes of one answer over HTTP that wait for the peer. All of them together: 16 MiB. */
  httpQueueBytesMax: 1 * MIB,
  /** Bytes of one answer over HTTP that are read from the storage at once. */
  httpPieceBytes: 256 * KIB,
  /**
   * Message headers that all uploads over HTTP hold at once, bytes: one of the largest, and some
   * thousand usual ones.
   */
  httpHeldBytesMax: 24 * MIB,
  /** How long a request of the HTTP API waits for its turn before it is refused. */
  httpWaitMs: 5_000,
  /** A request without progress for this long is ended if another one waits for its turn. */
  httpStalledMs: 2_000,
  /** Rest of a refused body that is read and dropped, bytes, so that the client reads the answer. */
  httpDroppedBytesMax: 8 * MIB,
  /** A client that sends nothing of a refused body for this long waits for the answer. */
  httpQuietMs: 100,
  /** Objects of one page of `GET /v1/objects`: the default. */
  httpListObjectsDefault: 1000,
  /** Objects of one page of `GET /v1/objects`. */
  httpListObjectsMax: 10_000,
  /** Entity tags in one `If-Match` or `If-None-Match`. */
  httpEntityTagsMax: 64,

  /** The access file, bytes: thousands of tokens. It is read whole, and again when it changes. */
  accessFileBytesMax: 1 * MIB,
  /** How often the caller of an endless call, such as one that follows the log, is identified again. */
  permissionAskedMs: 2_000,
  /** A name of an identity or a token in the access file, characters. */
  accessNameLengthMax: 100,
  /** Rules of one identity. Each call compares its key with them. */
  accessRulesMax: 100,
  /** Patterns, or verbs, of one rule. */
  accessPatternsMax: 100,
  /** How often the access file and the TLS files are checked for a change. */
  accessPollMs: 1_000,
  /** How long a token of a handshake is valid without being used. */
  handshakeTokenIdleMs: 3_600_000,
  /** How long a token of a handshake is valid at most. */
  handshakeTokenMsMax: 86_400_000,
  /** Tokens of handshakes of one identity. One more ends the oldest. */
  handshakeTokensPerIdentityMax: 256,
  /** Tokens of handshakes, about 300 bytes each. One more ends the oldest. */
  handshakeTokensMax: 16_384,
  /** A password in a request, bytes. */
  passwordBytesMax: 1 * KIB,
  /** Memory of one scrypt, bytes: the most that the parameters of a stored password may need. */
  scryptBytesMax: 64 * MIB,
  /** Passwords that are checked at once. Each takes a thread of the pool and its memory. */
  passwordChecksMax: 2,
  /** Passwords that wait for their check, a few hundred bytes each. */
  passwordsWaitingMax: 64,
  /** Verified passwords that are remembered, about 200 bytes each. */
  rememberedPasswordsMax: 1024,
  /** How long a verified password is remembered. */
  rememberedPasswordMs: 60_000,
  /** Delay of an answer to a failed attempt: doubled for each further failure of the address. */
  failedAttemptDelayMs: 100,
  failedAttemptDelayMsMax: 3_000,
  /** Failures of an address are forgotten after this time without another one. */
  failedAttemptMemoryMs: 60_000,
  /** Addresses whose failures are counted, 100 bytes each. One more makes the oldest forgotten. */
  failedAddressesMax: 4096,
  /** Delayed answers of one address, and of all. Further failures are answered at once. */
  delayedPerAddressMax: 4,
  delayedAnswersMax: 128,

  /** A key set of an identity provider, bytes. */
  jwksBytesMax: 256 * KIB,
  /** Keys in a key set of an identity provider. */
  jwksKeysMax: 100,
  /** How long a key set may take to arrive from its URL. */
  jwksFetchTimeoutMs: 5_000,
  /** A key set from a URL is read again after this time, and not more often than the pause allows. */
  jwksUrlFreshMs: 600_000,
  jwksUrlPauseMs: 30_000,
  /** The same for a key set in a file. */
  jwksFileFreshMs: 2_000,
  /** Keys that could not be read again for this long are not used any more. */
  jwksStaleMsMax: 86_400_000,
  /** A JSON Web Token, characters. */
  jwtLengthMax: 8 * KIB,
  /** Issuer, audience, and the claim that names the identity, characters. */
  jwtClaimLengthMax: 1_024,
  /** How far the clocks of the server and the identity provider may differ, by default and at most. */
  jwtClockToleranceMs: 30_000,
  jwtClockToleranceMsMax: 300_000,
  /** Verified tokens that are kept, so that a call with one of them need not verify it again. */
  jwtVerifiedMax: 4_096,

  /** Clients that watch the statistics of the admin listener. */
  statsWatchersMax: 16,
  /** How often a client that watches the statistics gets a snapshot. */
  statsEventIntervalMs: 1_000,
  /** How long the slowest call of a method is shown. */
  slowestCallsMs: 600_000,
  /** A client of an event stream that reads nothing for this long is disconnected. */
  watcherStalledMs: 30_000,
  /** Sessions that the usage lists by name, the largest first; the others are added up. */
  usageSessionsMax: 5_000,
  /** Counts of the usage that run at the same time. */
  usageCountsMax: 4,
  /** How long a counted usage is answered again. A count of a million objects takes a second. */
  usageReuseMs: 2_000,
  /** Objects that `copy-store` copies at the same time: their uploads fit into s3UploadBytesMax. */
  copyObjectsAtOnce: 8,
} as const;
