/**
 * The limits of requests to an S3 store. A part of LIMITS (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds. The limits that S3 sets
 * itself are in its user guide, "Amazon S3 multipart upload limits".
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const S3_LIMITS = {
  /** Connections to the store. Further requests wait for one. */
  s3SocketsMax: 64,
  /** An idle connection is closed after this time, before the store or a load balancer does it. */
  s3IdleSocketMs: 4_000,
  /** How long a connection to the store may take, with TLS. */
  s3ConnectMs: 3_000,
  /** How long the store may take to begin its answer. Stores that queue writes of one key take seconds. */
  s3AnswerMs: 15_000,
  /** How long the store may take to assemble the parts of an upload. */
  s3CompleteMs: 120_000,
  /** A body that does not move for this long is cut. */
  s3IdleMs: 15_000,
  /** A request may take s3AnswerMs, and as long as its bodies need at this rate, bytes per second. */
  s3RateBytesMin: 64 * KIB,
  /** Attempts of a request that may be repeated. */
  s3AttemptsMax: 6,
  /** No attempt begins later than this after the first one. */
  s3RepeatMs: 20_000,
  /** The first pause is up to this long, at random; each further one up to twice as long. */
  s3PauseMs: 50,
  s3PauseMsMax: 5_000,
  /** A longer Retry-After of the store counts as this. */
  s3RetryAfterMsMax: 10_000,
  /** Repetitions without an answer that a store may owe. A first answer pays back a tenth of one. */
  s3RepetitionsMax: 100,
  /** Requests wait, and the store has answered nothing for this long: it may be unreachable. */
  s3SilenceMs: 2_000,
  /** A pause before a trial of a store that may be unreachable: between half of this and all of it. */
  s3TrialPauseMs: 1_000,
  /** How long a trial may take, with its connection. */
  s3TrialMs: 3_000,
  /** Trials that fail in a row before the store is unreachable. A process that was suspended fails one. */
  s3FailedTrials: 2,
  /** Status line and headers of an answer, bytes. */
  s3HeaderBytesMax: 16 * KIB,
  /** An entity tag, characters. S3 sends 34 to 40. */
  s3EtagLengthMax: 256,
  /** Body of an error, bytes. */
  s3ErrorBytesMax: 64 * KIB,
  /** One page of a list, bytes: 1000 keys of 1 KiB, percent-encoded. */
  s3ListBytesMax: 4 * MIB,
  /** Keys of one page of a list, and of one request that removes. S3's own limit. */
  s3PageKeysMax: 1000,
  /** Elements of an XML document: a page of a list has about eight for each key. */
  s3XmlElementsMax: 20_000,
  /** Nesting of elements. S3's documents are five deep. */
  s3XmlDepthMax: 16,
  /** A key, UTF-8 bytes. S3's own limit. */
  s3KeyBytesMax: 1 * KIB,
  /** Keys that are removed at once, if the store cannot remove many in one request. */
  s3RemovalsMax: 8,
  /** First parts of an upload, bytes. An object of one part is one PUT. */
  s3PartBytes: 8 * MIB,
  /** After this many parts the next ones are twice as large: 5 TiB are under 10,000 parts. */
  s3PartsPerSize: 1000,
  /** The largest part, bytes. S3 accepts 5 GiB. */
  s3PartBytesMax: 4 * GIB,
  /** Parts of one upload. S3's own limit. */
  s3PartsMax: 10_000,
  /** Parts of one upload that are sent at once, while the next one gathers bytes. */
  s3PartsInFlight: 2,
  /** Uploads gather their bytes in blocks of this size. */
  s3BlockBytes: 256 * KIB,
  /** Unused blocks that are kept for later parts. */
  s3BlocksKeptMax: 64,
  /** Memory of all uploads, bytes. An upload that needs more waits. */
  s3UploadBytesMax: 192 * MIB,
  /** An upload that brings nothing for this long is ended if another one waits for memory. */
  s3StalledMs: 2_000,
  /** How long an upload waits for memory before it is refused. */
  s3UploadWaitMs: 10_000,
  /** Shared credentials and config files, bytes. */
  s3ProfileBytesMax: 1 * MIB,
  /** A key or token of credentials, characters. Session tokens have some thousand. */
  s3CredentialLengthMax: 16 * KIB,
  /** Credentials are loaded again this long before they expire. */
  s3RefreshMs: 300_000,
  /** After a failed refresh the next one waits this long, while the old credentials are valid. */
  s3RefreshPauseMs: 10_000,
  /** How long a provider of credentials may take. */
  s3CredentialsMs: 15_000,
  /** How long the checks of a store at the start may take, and its races. */
  s3ProbeMs: 60_000,
  s3ProbeRaceMs: 4_000,
  /** Writers of one race, and races of each kind. */
  s3ProbeWriters: 5,
  s3ProbeRounds: 12,
} as const;
