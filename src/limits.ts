/**
 * Every limit of the server by name, with its unit and the reason for its size.
 *
 * Input from outside is compared only with the limits in this table. Times are milliseconds.
 */

import { CLIENT_LIMITS } from "./client-limits.ts";
import { JOURNAL_LIMITS } from "./journal-limits.ts";
import { S3_LIMITS } from "./s3-limits.ts";
import { SERVICE_LIMITS } from "./service-limits.ts";
import { STORAGE_S3_LIMITS } from "./storage-s3-limits.ts";
import { TRANSPORT_LIMITS } from "./transport-limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const LIMITS = {
  /** One component of a key, UTF-8 bytes. File names, which add to it, stay under 255 bytes. */
  keyComponentBytesMax: 200,
  /** An encoded ObjectRef, bytes. A key of 602 bytes and an endpoint fit easily. */
  objectRefBytesMax: 4 * KIB,

  /** A message that a client collects before decoding it (answers of unary calls), bytes. */
  unaryMessageBytesMax: 64 * MIB,
  /** How long a loop may work in one turn of the event loop before other calls run. */
  turnMs: 2,
  /** Work on up to this many bytes does not ask for a turn. */
  smallWorkBytes: 16 * KIB,
  /** A request that names objects (ticket, descriptor, criteria, endpoint), bytes. */
  requestBytesMax: 64 * KIB,
  /** Protobuf fields of one request, nested ones included: 1 ms of work; 500 endpoints fit. */
  requestFieldsMax: 4096,
  /** A request to the server reflection, bytes. It contains one name. */
  reflectionRequestBytesMax: 4 * KIB,
  /** Requests of one reflection call: a tool that describes everything sends a hundred. */
  reflectionRequestsMax: 1024,
  /** Nesting depth of messages in a request. Flight's requests are four deep. */
  requestDepthMax: 8,
  /** Body of an action that takes a name, bytes. A fully JSON-escaped key fits twice. */
  namedActionBytesMax: 8 * KIB,
  /** Body of CancelFlightInfo, bytes. It carries a table's schema, which the server skips. */
  cancelActionBytesMax: 4 * MIB,
  /** Body of PUT and UPDATE, bytes: a base64 value, decoded while it arrives. */
  valueActionBytesMax: 64 * MIB,
  /** Name of an action, bytes. The server reads it before it checks the size of the body. */
  actionTypeBytesMax: 256,
  /** FlightDescriptor in a FlightData, bytes. Three key components fit many times over. */
  descriptorBytesMax: 64 * KIB,
  /** Fields of one FlightData message, including unknown ones. Flight defines four. */
  flightDataFieldsMax: 64,
  /** Arrow message header (schema or batch metadata), bytes: about 100,000 columns. */
  dataHeaderBytesMax: 16 * MIB,
  /** app_metadata of one message, bytes. */
  appMetadataBytesMax: 4 * MIB,
  /** app_metadata of one object, bytes. It stays in memory until the footer is written. */
  appMetadataTotalBytesMax: 8 * MIB,
  /**
   * Memory that all running puts hold until their footers are written, bytes: batch positions,
   * app_metadata and schemas. One put may use all of it.
   */
  footerMemoryBytesMax: 24 * MIB,
  /** A body that arrives before its header has to be collected in memory, up to this many bytes. */
  bodyBeforeHeaderBytesMax: 8 * MIB,
  /** Batches of one put. Each uses 32 bytes of memory until the footer is written. */
  batchesPerPutMax: 256 * KIB,
  /** Batches of a file that is read. Earlier releases accepted this many in a put. */
  batchesPerFileMax: 1 * MIB,
  /** Patches of one object: a get reads a file for each. A put resets the count. */
  patchesPerObjectMax: 10_000,
  /** Fields of one schema, including children. */
  schemaFieldsMax: 100_000,
  /** Metadata entries of a schema and its fields: two for each of 100,000 extension fields. */
  schemaMetadataEntriesMax: 200_000,
  /** Metadata entries of one field, schema or footer, ours included: a few ms of work. */
  metadataEntriesMax: 16 * KIB,
  /** The name of a field, or a time zone, UTF-8 bytes. */
  schemaTextBytesMax: 64 * KIB,
  /** Children of a union: a type id has eight bits. */
  unionChildrenMax: 128,
  /**
   * Memory the validator may use for one column of a batch, bytes: 4 million list views, or 32
   * million rows of a dense union. A column that needs more is refused.
   */
  validationHeldBytesMax: 32 * MIB,
  /** Nesting of types in a schema. */
  schemaDepthMax: 64,
  /** Footer of an object file, bytes: batchesPerFileMax blocks, schema and app_metadata fit. */
  footerBytesMax: 192 * MIB,
  /** Data of one opaque row in a file, bytes: the largest int32 offset. */
  opaqueRowBytesMax: 2 * GIB - 1,
  /**
   * Data of one row on the wire if an object exceeds opaqueRowBytesMax, bytes. Keeps each message
   * under the 2 GiB that every client accepts.
   */
  opaqueWireRowBytesMax: 1 * GIB,
  /** The smallest row size that a caller may ask for, bytes. Each row costs a message. */
  requestedRowBytesMin: 1 * MIB,
  /**
   * A get of an object of at least this many bytes is answered by the location of its file, if the
   * caller accepts that. Sending a smaller object takes less time than mapping its file.
   */
  locatedBytesMin: 256 * KIB,

  /** Bytes of an answer's row before its value that a client collects. We send under 100. */
  opaqueFrontBytesMax: 1 * MIB,
  /**
   * Validity and offsets of one opaque batch with null cells, bytes. They are collected in memory,
   * and each cell costs 100 bytes more.
   */
  opaqueOffsetsBytesMax: 64 * KIB,

  /** A staged object gathers this many bytes before it writes them in one system call. */
  stageBufferBytes: 1 * MIB,
  /** Size of the buffers for gathered bytes: a small part of a put does not take a mebibyte. */
  stageBlockBytes: 256 * KIB,
  /** Unused buffers of stageBlockBytes that are kept for later puts. */
  stageBlocksKeptMax: 32,
  /**
   * Memory in which all staged objects together gather bytes. If more is needed, the objects that
   * have waited longest write what they have, even if it is less than stageBufferBytes.
   */
  stagedMemoryBytesMax: 16 * MIB,
  /** Memory for large objects is allocated in slabs of this size, bytes. */
  memorySlabBytes: 2 * MIB,
  /**
   * A file up to this size that was just put is copied into the memory tier. The copy costs no more
   * than the first get that it saves, and small files displace little. The same as `logFileBytesMax`.
   */
  putAdmittedBytesMax: 72 * KIB,
  /**
   * Evicted objects whose hashes a policy remembers, 8 bytes each: as many as the cache holds
   * objects, up to this.
   */
  evictionGhostsMax: 2 ** 21,
  /** Unused slabs that are kept for later large objects: 256 MiB, if max_memory allows it. */
  memorySlabsKeptMax: 128,
  /**
   * Slabs of max_memory that storage `none` reserves for running puts when the rest is full: a
   * sixteenth of max_memory, at most this many slabs (16 MiB).
   */
  memorySpareSlabsMax: 8,
  /** Bytes read from an object's file in one system call. */
  readChunkBytes: 1 * MIB,
  /** Unused read buffers of readChunkBytes that are kept for later gets. */
  readBlocksKeptMax: 8,
  /** Reads up to this size allocate their own memory, which is soon free again. Bytes. */
  unpooledReadBytesMax: 64 * KIB,
  /** Files up to this size are read and checksummed when the index finds them. */
  loadWholeBytesMax: 64 * KIB,
  /** Memory for the layouts of recently read tables (schema and batch positions), bytes. */
  layoutCacheBytesMax: 16 * MIB,
  /** One cached layout, bytes: about 2,000 batches. */
  layoutBytesMax: 64 * KIB,
  /** Schemas held for lists, bytes. Tables with the same schema share one copy. */
  pooledSchemasBytesMax: 16 * MIB,
  /** One shared schema, bytes: about 500 columns. Lists read larger ones from the file. */
  pooledSchemaBytesMax: 64 * KIB,
  /**
   * An object found on disk, up to this many bytes, is read once and compared with its checksum
   * before its file is located or patched.
   */
  verifyFirstLookBytesMax: 1 * GIB,
  /** Replaced files that wait to be freed: what comes then frees its own before the answer. */
  replacedFilesMax: 4,
  /** Concurrent file syncs for durability power-loss: the default size of the thread pool. */
  fileSyncsMax: 4,
  /**
   * A file up to this size is put into the log, and written when it has come to rest. A larger one
   * is a file at once. 64 KiB of data fit, with their schema and footer.
   */
  logFileBytesMax: 72 * KIB,
  /** One segment of the log, bytes: 10,000 puts of a kilobyte. */
  logSegmentBytes: 16 * MIB,
  /** A larger file among the segments is not ours, bytes: segments are read whole at start. */
  logSegmentReadBytesMax: 64 * MIB,
  /** Segments of the log. If all of them wait for files to come to rest, puts are files at once. */
  logSegmentsMax: 8,
  /** Unused segments that are kept for later records. */
  logSparesMax: 2,
  /** While segments are full within this time, all unused ones are kept. */
  logQuickFillMs: 10_000,
  /** Share of a segment that only removals may use, so that a full log does not block deletes. */
  logRemovalsShare: 1 / 16,
  /** Free bytes of the disk that the log leaves to others. */
  logSpareBytes: 4 * MIB,
  /**
   * A segment is closed when its first record is this old. After a failure to create a segment, the
   * next attempt waits as long.
   */
  logSegmentAgeMs: 60_000,
  /** How long a closed segment waits: after 30 s the kernel wrote its files; syncs are cheap. */
  logSyncDelayMs: 35_000,
  /**
   * If a stop would have to sync no more files than this, it does so, and the next start has
   * nothing to replay.
   */
  logSyncedAtStopMax: 256,
  /** A small file is written when it was not changed for this long. */
  restDelayMs: 1_000,
  /** Files that come to rest before other work has its turn. */
  restedPerRun: 128,
  /** While calls use most of the loop's time, writing files rests this many times as long. */
  restPauseFactor: 10,
  /** So many files that cannot be written end a run: the disk is the cause, not they. */
  restFailuresMax: 8,
  /** A file that could not be written is tried again after this time. */
  restRetryMs: 5_000,
  /** Directories known to be durable, so that their parents need no sync: about 200 bytes each. */
  durableDirectoriesMax: 16_384,
  /** Open files that a failed start checks to find the owner of its port or directory. */
  ownerSearchFilesMax: 100_000,
  /** A full disk is logged at most this often, with the number of suppressed failures. */
  diskFullLogMs: 10_000,
  /** How long a directory is trusted not to be a link. A removal always checks again. */
  directoryTrustMs: 1_000,
  /** Names trusted that long not to have a file of another program: about 200 bytes each. */
  trustedFilesMax: 16_384,
  /** One line of notes, bytes. A key with every byte escaped fits. */
  journalLineBytesMax: 8 * KIB,
  /** Longest time to live, ms: ten years. */
  ttlMsMax: 10 * 365 * 86_400_000,
  /** Pins, leases, and times to live of sessions and applications: about 200 bytes each. */
  retentionRulesMax: 1_000_000,
  /** Notes are rewritten when there are this many above four times the live ones. */
  journalRecordsMin: 4096,
  /** Bytes evicted beyond what a put needs, so that not every put has to evict. */
  evictedAheadBytesMax: 16 * MIB,
  /** One put stops evicting ahead after this many objects. */
  evictedAtOnceMax: 256,
  /** How long a put waits for space held by objects that are still being read. */
  roomWaitMs: 10_000,
  /** While puts wait for space, the server looks this often for stalled holders of it. */
  roomLookMs: 250,
  /** The rate of a put is measured over this period while others wait for its reservation. */
  putPaceMs: 500,
  /** A get of a removed object is cut off after this time without progress, if a put waits. */
  stalledReaderMs: 1_000,
  /**
   * A put is cut off if it sent no byte for this long while another put waited for its space. The
   * limit allows for programs that pause while they produce data.
   */
  silentPutMs: 2_000,
  /** An eviction raises the version floor by this much extra, so that few evictions write it. */
  versionFloorAhead: 1024,
  /** Memory of a file in storage `none` beside its content, bytes: index, names, buffers. */
  memoryFileOverheadBytes: 1 * KIB,
  /** Expired objects removed in one step. Other calls run between steps. */
  expirySweepObjects: 32,
  /** The highest version. Doubles stay exact far enough above it to add versionJumpOnLoss. */
  versionMax: 2 ** 53 - 2 ** 20,
  /** Highest version accepted from a file of another program. As many remain above it. */
  foundVersionMax: 2 ** 52,
  /** How far the version floor rises when an object is lost and its version cannot be read. */
  versionJumpOnLoss: 1_000_000,
  /**
   * The scan reads this many bytes from the end of each file: the footer of an object of few
   * batches fits. Smaller files are read whole.
   */
  scanReadBytes: 16 * KIB,
  /** Names of one session that the scan holds, 100 bytes each. A larger directory is read twice. */
  scanNamesMax: 64 * 1024,
  /**
   * The scan records a session for the next start if it has at least this many objects. For a
   * smaller one the record costs as much as it saves.
   */
  recordedObjectsMin: 32,
  /** Changed sessions are recorded while the server runs if nothing changed for this long. */
  recordQuietMs: 10_000,
  /** After a pass over the sessions, the next waits this many times as long: 2 % of a thread's time. */
  recordRestFactor: 50,
  /** How long a stop may spend on recording changed sessions. */
  recordAtStopMs: 2_000,
  /** Objects that the scan reports to the cache in one batch: 1 ms of work. */
  scanBatchObjects: 256,
  /** Batches of scanBatchObjects that may wait for the cache before the scan pauses. */
  scanBatchesAhead: 8,
  /** Concurrent reads of the background scan, and of all lists for schemas: a descriptor each. */
  scanConcurrency: 8,
  /** Concurrent removals of one delete: their records share writes. */
  deleteConcurrency: 128,
  /** Objects of one delete between two turns of the loop: about 1 ms of work. */
  deletedPerTurn: 128,
  /** Objects that a list looks up and sends in one turn of the loop: half a millisecond of work. */
  listPageObjects: 128,
  /** Objects that a sorted list selects in one pass over a session; twice as many are held. */
  sortedListObjects: 1024,
  /** What a page of a list is charged before it is built, bytes: 128 objects, usual keys. */
  listPageBytes: 64 * KIB,
  /** First bytes of a value that a caller may ask for: the header of a tensor of 10 dimensions fits. */
  valueHeadBytes: 512,
  /** What a list is charged for the facts of one object, bytes: the first bytes of its value and the objects around them. */
  listedFactsBytes: 1 * KIB,
  /** A page of a list is sent in parts of this size, bytes, because schemas can make it large. */
  listPartBytes: 256 * KIB,
  /** Objects up to this size are read whole in one system call. */
  wholeReadBytesMax: 1 * MIB,

  ...SERVICE_LIMITS,
  ...TRANSPORT_LIMITS,
  ...CLIENT_LIMITS,
  ...JOURNAL_LIMITS,
  ...S3_LIMITS,
  ...STORAGE_S3_LIMITS,
} as const;
