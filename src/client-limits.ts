/**
 * The limits of clients, of the command, of configuration files and of the log: a part of LIMITS (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const CLIENT_LIMITS = {
  /** HTTP/2 windows of our clients, bytes, on node:http2: 8 MiB and more deadlock Node with Node when both sides send bulk data. */
  clientStreamWindowBytes: 1 * MIB,
  clientSessionWindowBytes: 2 * MIB,
  /** A client that waits for a connection, TLS included, gives up then. */
  connectTimeoutMs: 4_500,
  /** A server that says nothing for this long while a client has calls open is asked for a sign of life. */
  clientKeepaliveIntervalMs: 1_000,
  /** The connection is given up when none comes in time: with two intervals before it, within 5 seconds. */
  clientKeepaliveTimeoutMs: 2_500,
  /** How often a server is asked in a row: gRPC servers forgive two PINGs without data in between (ping strikes). */
  clientKeepaliveBurstMax: 2,
  /** And then no more often than this, which the same servers allow; on a connection of this age a burst has one more. */
  clientKeepaliveSlowIntervalMs: 310_000,

  /** Encoded bytes of objects a client holds so that the server need not send them again, unless the host says otherwise. */
  clientCacheBytesMax: 64 * MIB,
  /** What a get collects of one object unless the host says otherwise, bytes: a server can send without end. Larger objects are for streams. */
  fetchedBytesMax: 8 * GIB,
  /** What a message costs that is collected beside its bytes, bytes: objects and buffers of their own. */
  fetchedMessageBytes: 512,
  /** Dictionaries that are kept for the batches of a table which is read as it arrives, bytes. */
  streamedDictionariesBytesMax: 1 * GIB,
  /** How often a client repeats a call that may succeed later, and what it waits before: doubled each time, and half of it by chance. */
  clientRetriesMax: 4,
  clientRetryDelayMs: 50,
  clientRetryDelayMsMax: 1_000,
  /** One row of what a client streams to the server, bytes: small enough to hold, large enough to cost nothing. */
  uploadRowBytes: 1 * MIB,
  /** From this size on an object is got sooner out of its file, where server and client share a host. Bytes. */
  localFileBytesMin: 1 * MIB,
  /** A server on this host that had no such file so many times in a row is asked for one only every so many gets. */
  filelessAnswersMax: 3,
  filelessGetsPerQuestion: 64,
  /** A `file://` location, characters: a path of 4096 bytes, each percent-encoded, and the numbers behind it. */
  fileLocationLengthMax: 16 * KIB,
  /** Bytes of a local file that are read in one system call. */
  localReadBytesMax: 64 * MIB,
  /** Nesting of a JSON value: Python's decoder gives up at about 1,000. */
  jsonDepthMax: 500,

  /** What `cat` fetches of a table to show its first rows, bytes: its batches are fetched whole. */
  shownTableBytesMax: 256 * MIB,
  /** What `cat` fetches of a value to show it as text or JSON, bytes. */
  shownValueBytesMax: 1 * MIB,
  /** A configuration file, bytes: it is read whole. */
  configFileBytesMax: 1 * MIB,
  /** The regular expression over interface names, characters: room for a list of names, none for a puzzle. */
  interfacePatternLengthMax: 256,
  /** An interface name that the expression is tried on, characters: bounds what a bad expression can cost. */
  interfaceNameLengthMax: 16,
  /** One value in a log line, characters; what is longer is cut and says so. */
  logValueLengthMax: 4096,
  /** Nesting of a logged value. */
  logValueDepthMax: 5,
  /** Fields or items of one logged value. */
  logValueItemsMax: 64,
  /** A second SIGINT this soon is the first one again: a terminal and npm both deliver it. */
  repeatedInterruptMs: 300,
} as const;
