/**
 * Every limit of the server by name, with its unit and the reason for its size.
 *
 * Nothing from outside is measured against a number that stands elsewhere. Times are milliseconds.
 */

import { CLIENT_LIMITS } from "./client-limits.ts";
import { TRANSPORT_LIMITS } from "./transport-limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const LIMITS = {
  /** One component of a key, UTF-8 bytes: with prefixes and endings of our own a file name stays under 255. */
  keyComponentBytesMax: 200,
  /** An encoded ObjectRef, bytes: a key of 602 bytes and an endpoint, with room to spare. */
  objectRefBytesMax: 4 * KIB,

  /** A message that a client collects before it is decoded (answers of unary calls), bytes. */
  unaryMessageBytesMax: 64 * MIB,
  /** How long a loop may work in one turn of the event loop before other calls are let in. */
  turnMs: 2,
  /** Bytes up to this are no work worth asking for a turn. */
  smallWorkBytes: 16 * KIB,
  /** A request that names objects (ticket, descriptor, criteria, endpoint), bytes: three components of a key fit many times over. */
  requestBytesMax: 64 * KIB,
  /** Protobuf fields of one request, those of nested messages counted: a millisecond's work, and 500 endpoints. */
  requestFieldsMax: 4096,
  /** Nested messages of a request inside each other: those of Flight are four deep. */
  requestDepthMax: 8,
  /** The body of an action that takes a name, bytes: a key whose every byte is escaped in JSON fits twice. */
  namedActionBytesMax: 8 * KIB,
  /** The body of CancelFlightInfo, bytes: it carries the schema of its table, which is skipped. */
  cancelActionBytesMax: 4 * MIB,
  /** The body of PUT and UPDATE, bytes: a value as base64, which is decoded while it arrives. */
  valueActionBytesMax: 64 * MIB,
  /** The name of an action, bytes: it is read before the size of its body is judged. */
  actionTypeBytesMax: 256,
  /** FlightDescriptor in a FlightData, bytes: three components and their framing fit many times over. */
  descriptorBytesMax: 64 * KIB,
  /** Fields of one FlightData message, those that nobody knows counted: Flight has four. */
  flightDataFieldsMax: 64,
  /** Arrow message header (schema or batch metadata), bytes: about 100,000 columns. */
  dataHeaderBytesMax: 16 * MIB,
  /** app_metadata of one message, bytes. */
  appMetadataBytesMax: 4 * MIB,
  /** app_metadata of all messages of one object, bytes: it is held until the footer is written. */
  appMetadataTotalBytesMax: 8 * MIB,
  /** What all puts under way hold until their footers are written, bytes: places of batches, app_metadata and schemas; as much as one put may. */
  footerMemoryBytesMax: 24 * MIB,
  /** A body that comes before the header it belongs to has to be collected; more than this is refused. Bytes. */
  bodyBeforeHeaderBytesMax: 8 * MIB,
  /** Record and dictionary batches of one put: each costs 32 bytes of memory until the footer is written. */
  batchesPerPutMax: 256 * KIB,
  /** The same of a file that is read: earlier versions took as many. */
  batchesPerFileMax: 1 * MIB,
  /** Patches of one object: a get reads a file for each of them. A put of the whole object begins anew. */
  patchesPerObjectMax: 10_000,
  /** Fields of one schema, children counted. */
  schemaFieldsMax: 100_000,
  /** Metadata entries of one schema, those of its fields counted: two for each of as many extension fields. */
  schemaMetadataEntriesMax: 200_000,
  /** Metadata entries in one place, of a field, a schema or a footer, the cache's own counted: a few milliseconds' work. */
  metadataEntriesMax: 16 * KIB,
  /** The name of a field, or a time zone, UTF-8 bytes. */
  schemaTextBytesMax: 64 * KIB,
  /** Children of a union: its type ids are of eight bits. */
  unionChildrenMax: 128,
  /** What the validator holds of one column of a batch, bytes; more is refused: 4 million list views, 32 million rows of a dense union. */
  validationHeldBytesMax: 32 * MIB,
  /** Nesting of types in a schema. */
  schemaDepthMax: 64,
  /** Footer of an object file, bytes: batchesPerFileMax blocks, the largest schema and app_metadata fit. */
  footerBytesMax: 192 * MIB,
  /** Data of one opaque row in a file, bytes: the largest int32 offset. */
  opaqueRowBytesMax: 2 * GIB - 1,
  /** Data of one row on the wire when an object is over opaqueRowBytesMax: a message stays under every client's 2 GiB. */
  opaqueWireRowBytesMax: 1 * GIB,

  /** What a client collects of an answer's row before its value, for version and kind, bytes; servers of ours send under 100. */
  opaqueFrontBytesMax: 1 * MIB,
  /** Validity and offsets of one opaque batch with null cells, bytes: they are collected, and each cell costs 100 more. */
  opaqueOffsetsBytesMax: 64 * KIB,

  /** Bytes a staged object gathers before they are written out in one system call. */
  stageBufferBytes: 1 * MIB,
  /** They are gathered in pieces of this size: what a small part of a put takes is not a mebibyte. */
  stageBlockBytes: 256 * KIB,
  /** Unused pieces of stageBlockBytes that are kept for the next puts. */
  stageBlocksKeptMax: 32,
  /** What all staged objects together gather in memory, bytes: beyond it those that wait longest are written out before they have gathered stageBufferBytes. */
  stagedMemoryBytesMax: 16 * MIB,
  /** Memory that large objects are kept in comes in pieces of this size, bytes. */
  memorySlabBytes: 2 * MIB,
  /** Evicted objects whose hashes a policy remembers, 8 bytes each: as many as it holds, up to this. */
  evictionGhostsMax: 2 ** 21,
  /** Unused pieces of memorySlabBytes that are kept for the next large objects: 256 MiB, as far as max_memory has room for them. */
  memorySlabsKeptMax: 128,
  /** Of max_memory, what storage `none` keeps for puts under way when all else is full: a sixteenth, and so many such pieces, 16 MiB, at most. */
  memorySpareSlabsMax: 8,
  /** Bytes read from an object's file in one system call. */
  readChunkBytes: 1 * MIB,
  /** Unused read buffers, of readChunkBytes each, that are kept for the next gets. */
  readBlocksKeptMax: 8,
  /** Reads up to this size take memory of their own: it is soon gone. Bytes. */
  unpooledReadBytesMax: 64 * KIB,
  /** Files up to this size are read whole and checked against their checksum when the index learns of them. */
  loadWholeBytesMax: 64 * KIB,
  /** Memory for the layouts of recently read tables: schema and places of the batches, bytes. */
  layoutCacheBytesMax: 16 * MIB,
  /** One layout that is remembered, bytes: about 2,000 batches. */
  layoutBytesMax: 64 * KIB,
  /** Schemas of which tables share one copy, so that a list can tell them, bytes: those of most tables are the same few. */
  pooledSchemasBytesMax: 16 * MIB,
  /** One of them, bytes: about 500 columns. A larger one is read from its file each time it is listed. */
  pooledSchemaBytesMax: 64 * KIB,
  /** An object found on disk is read once to be compared with its checksum before its file is located or patched, up to this size, bytes. */
  verifyFirstLookBytesMax: 1 * GIB,
  /** Files that are synced at once for puts with durability power-loss: as many as the thread pool has threads by default. */
  fileSyncsMax: 4,
  /** A file up to this size that is to survive a power loss goes through the commit log: above it a sync of its own costs little beside its bytes. */
  commitFileBytesMax: 64 * KIB,
  /** One segment of the commit log, bytes: 10,000 puts of a kilobyte. */
  commitSegmentBytes: 16 * MIB,
  /** A file among the segments that is larger is none of ours, bytes: what is there is read whole at a start. */
  commitSegmentReadBytesMax: 64 * MIB,
  /** Segments of the commit log at most; when all wait to be released, puts sync their files themselves. */
  commitSegmentsMax: 16,
  /** Unused segments that are kept for what comes next. */
  commitSparesMax: 2,
  /** Share of a segment that only removals may use: a full log must not keep anybody from deleting. */
  commitRemovalsShare: 1 / 16,
  /** A segment is closed when its first record is so old, and a segment that could not be made is tried for again after as long. */
  commitSegmentAgeMs: 60_000,
  /** How long a closed segment waits: the kernel writes back what is 30 s old, and what it wrote is synced for little. */
  commitSettleDelayMs: 35_000,
  /** A stop makes so many files last by themselves, so that the next start finds no log; of more it leaves the log. */
  commitSettledAtStopMax: 256,
  /** Directories known to last through a power loss, so that their parents need no sync: about 200 bytes each. */
  lastingDirectoriesMax: 16_384,
  /**
   * Steps in which the retention journal grows, bytes: behind its lines as many bytes are kept free, so that what was asked for
   * can be taken back on a full disk.
   */
  journalStepBytes: 64 * KIB,
  /** A full disk is logged so often at most; the line tells how many failures were not. */
  diskFullLogMs: 10_000,
  /** Directories known to be no links are looked at again after so long; before a removal they always are. */
  directoryTrustMs: 1_000,
  /** One line of the retention journal, bytes: a key whose every byte is escaped fits. */
  journalLineBytesMax: 8 * KIB,
  /** Longest time to live, ms: ten years. */
  ttlMsMax: 10 * 365 * 86_400_000,
  /** Pins and leases, and times to live of sessions and applications: each costs about 200 bytes of memory. */
  retentionRulesMax: 1_000_000,
  /** The retention journal is written anew when it holds this many records, and four times as many as still count. */
  journalRecordsMin: 4096,
  /** What is evicted at most beyond what a put needs, bytes, so that not each put has to. */
  evictedAheadBytesMax: 16 * MIB,
  /** Objects that are evicted for one put when fewer would do. */
  evictedAtOnceMax: 256,
  /** How long a put waits for room that objects take which are being read: their readers are in no hurry, but not in none. */
  roomWaitMs: 10_000,
  /** While puts wait for room, those who hold it without moving are looked for this often. */
  roomLookMs: 250,
  /** The pace of a put's bytes is measured over this time, while others wait for the room that it claims for what is to come. */
  putPaceMs: 500,
  /** A get of an object that has left is cut off when it took no byte for so long while a put waited for the room. */
  stalledReaderMs: 1_000,
  /** A put is cut off when it brought no byte for so long while another waited for the room it holds: programs that make what they put pause. */
  silentPutMs: 2_000,
  /** How far beyond an evicted object's version the floor is written, so that few evictions write it. */
  versionFloorAhead: 1024,
  /** What a file kept in memory costs beside its bytes, bytes: index, names, and the buffers' own objects. */
  memoryFileOverheadBytes: 1 * KIB,
  /** Expired objects removed at once; between them calls are let in. */
  expirySweepObjects: 32,
  /** The highest version there is. A double counts exactly far enough beyond it for versionJumpOnLoss. */
  versionMax: 2 ** 53 - 2 ** 20,
  /** The highest version that a file of another program may give itself: as many are left above it for what comes after. */
  foundVersionMax: 2 ** 52,
  /** How far the version floor is raised when an object is lost whose version cannot be read any more. */
  versionJumpOnLoss: 1_000_000,
  /** Of each file the scan reads the last bytes, and a file of this size whole: footers of objects of few batches fit. */
  scanReadBytes: 16 * KIB,
  /** Names of one session that the scan holds, 100 bytes each; the directory of a larger one is read twice. */
  scanNamesMax: 64 * 1024,
  /** What a scan learned of a session is kept for the next one when it has so many objects: below it costs as much as it saves. */
  recordedObjectsMin: 32,
  /**
   * A session that changed is recorded while the server runs when it was quiet for so long: then the record may hold a while. More
   * than the two seconds before which none may be written.
   */
  recordQuietMs: 10_000,
  /** A session that keeps changing is walked again after a pause so many times as long as the last walk: 2 % of a thread's time. */
  recordPauseFactor: 50,
  /** That pause doubles each time up to this: so long may a session go without its record when it comes to rest at last. */
  recordPauseMsMax: 600_000,
  /** After walks for records there are none for so many times what they took: a tenth of a thread's time for all sessions. */
  recordRestFactor: 10,
  /** Changed sessions that wait for their record, and as many known to have few objects: about 250 bytes each. Beyond it the oldest are forgotten. */
  recordSessionsMax: 16_384,
  /** How long a stop may go on to record sessions that changed. */
  recordAtStopMs: 2_000,
  /** Objects the scan tells the cache of at once: a millisecond's work. */
  scanBatchObjects: 256,
  /** Batches of scanBatchObjects that wait for the cache, before the scan does. */
  scanBatchesAhead: 8,
  /** Files that the background scan, or all lists together for the schemas of tables, read at once: each holds a descriptor. */
  scanConcurrency: 8,
  /** Objects of one delete that are removed at once: as many as there are file threads, and as many waiting. */
  deleteConcurrency: 8,
  /** Objects of one delete between two turns of the loop: about a millisecond's work. */
  deletedPerTurn: 128,
  /** Objects that a list looks up, and sends, in one turn of the loop: half a millisecond's work. */
  listPageObjects: 128,
  /** What a page of a list is charged before it is made, bytes: 128 objects with keys of usual length. */
  listPageBytes: 64 * KIB,
  /** A page of a list leaves in parts of this size, bytes: schemas can make it large. */
  listPartBytes: 256 * KIB,
  /** Objects up to this size are read whole in one system call. */
  wholeReadBytesMax: 1 * MIB,

  ...TRANSPORT_LIMITS,
  ...CLIENT_LIMITS,
} as const;
