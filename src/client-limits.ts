/**
 * The limits of clients, the command, configuration files and the log: a part of LIMITS
 * (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const CLIENT_LIMITS = {
  /**
   * HTTP/2 windows of our clients on node:http2, bytes. From 8 MiB on, two Node peers deadlock when
   * both send bulk data.
   */
  clientStreamWindowBytes: 1 * MIB,
  clientSessionWindowBytes: 2 * MIB,
  /** A token that a client sends, well below the 16 KiB of headers that gRPC servers accept. */
  tokenBytesMax: 8 * KIB,
  /** A client stops waiting for a connection, including TLS, after this time. */
  connectTimeoutMs: 4_500,
  /** Time to connect to one of several servers: another one can answer as well. */
  replicaConnectTimeoutMs: 2_000,
  /** Servers over one bucket that a client remembers. */
  clientReplicasMax: 64,
  /** The text with which a server names them, bytes. */
  replicaListBytesMax: 64 * KIB,
  /** A client avoids a lost server for this long. By then the others do not list it any more. */
  clientLostReplicaMs: 30_000,
  /** A client pings a server that is silent for this long while calls are open. */
  clientKeepaliveIntervalMs: 1_000,
  /**
   * The client closes the connection if no answer comes in time: after two intervals, within 5
   * seconds.
   */
  clientKeepaliveTimeoutMs: 2_500,
  /** PINGs in a row. gRPC servers tolerate two PINGs without data in between (ping strikes). */
  clientKeepaliveBurstMax: 2,
  /**
   * The interval after such a burst, which the same servers allow. On a connection of this age a
   * burst has one PING more.
   */
  clientKeepaliveSlowIntervalMs: 310_000,

  /**
   * Encoded bytes of objects that a client caches so that the server need not send them again; the
   * default.
   */
  clientCacheBytesMax: 64 * MIB,
  /**
   * Bytes that a get collects of one object by default: a server can send without end. Larger
   * objects need a stream.
   */
  fetchedBytesMax: 8 * GIB,
  /** Cost of a collected message beside its bytes, bytes: objects and buffers. */
  fetchedMessageBytes: 512,
  /** Dictionaries kept for the batches of a table that is read while it arrives, bytes. */
  streamedDictionariesBytesMax: 1 * GIB,
  /**
   * How often a client repeats a retryable call, and the delay before: doubled each time, half of
   * it random.
   */
  clientRetriesMax: 4,
  clientRetryDelayMs: 50,
  clientRetryDelayMsMax: 1_000,
  /** One row of an upload stream, bytes: small enough to hold, large enough to add no cost. */
  uploadRowBytes: 1 * MIB,
  /**
   * From this size on, reading an object's file is faster than a transfer, if server and client
   * share a host. Bytes.
   */
  localFileBytesMin: 1 * MIB,
  /**
   * A `file://` location, characters: a path of 4096 percent-encoded bytes, followed by the
   * numbers.
   */
  fileLocationLengthMax: 16 * KIB,
  /** Bytes of a local file read in one system call. */
  localReadBytesMax: 64 * MIB,
  /** Nesting of a JSON value. Python's decoder fails at about 1,000. */
  jsonDepthMax: 500,

  /** Bytes of a table that `cat` fetches to show its first rows. Batches are fetched whole. */
  shownTableBytesMax: 256 * MIB,
  /** JSON that `put --as json` accepts, bytes: it is held and parsed before it is sent. */
  jsonPutBytesMax: 64 * MIB,
  /** Time limit of one press of Tab, ms. */
  completionMs: 1_000,
  /** Objects that one press of Tab looks at. */
  completionObjectsMax: 20_000,
  /** Words that one press of Tab offers. */
  completedWordsMax: 500,
  /** Objects that `ls --sort`, `du` and `watch` hold at once, a few hundred bytes each. */
  heldFactsMax: 1_000_000,
  /** Bytes of a value that `cat` fetches to show it as text or JSON. */
  shownValueBytesMax: 1 * MIB,
  /** A configuration file, bytes. It is read whole. */
  configFileBytesMax: 1 * MIB,
  /**
   * The regular expression over interface names, characters: enough for a list of names, too short
   * for an expensive pattern.
   */
  interfacePatternLengthMax: 256,
  /** An interface name that is matched, characters. Bounds the cost of an expensive pattern. */
  interfaceNameLengthMax: 16,
  /** One value in a log line, characters. A longer value is cut and marked. */
  logValueLengthMax: 4096,
  /** Nesting of a logged value. */
  logValueDepthMax: 5,
  /** Fields or items of one logged value. */
  logValueItemsMax: 64,
  /** A second SIGINT this soon repeats the first: a terminal and npm both deliver it. */
  repeatedInterruptMs: 300,
} as const;
