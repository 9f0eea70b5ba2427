/**
 * The limits of storage in a bucket: manifests, blobs, writes of a manifest, and the collection of
 * garbage. A part of LIMITS (limits.ts).
 *
 * Each has its unit and the reason for its size. Times are milliseconds.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export const STORAGE_S3_LIMITS = {
  /** One component in the name of a stored object, bytes. Gateways over file systems allow 255. */
  bucketNamePartBytesMax: 240,
  /**
   * The prefix of a cache in its bucket, bytes. With it the longest name has 1,024, as S3 allows.
   */
  bucketPrefixBytesMax: 264,
  /** A manifest, bytes: both inline areas, head and footer, and 10,000 patches in segments fit. */
  manifestBytesMax: 512 * KIB,
  /** Memory for the manifests that a replica remembers, bytes. */
  manifestCacheBytesMax: 64 * MIB,
  /** What a remembered manifest costs beyond its bytes: entries of maps, the decoded form. */
  manifestOverheadBytes: 1536,
  /** What each of its patches, segments and spans costs beyond its bytes, decoded. */
  manifestPieceBytes: 336,
  /** Bytes of an object that its manifest holds itself: such a get or put is one request. */
  manifestInlineBytesMax: 64 * KIB,
  /** Head or tail of a base that the manifest holds beside a blob; a larger one is a blob. */
  manifestFrameBytesMax: 32 * KIB,
  /** A tombstone has exactly this size, bytes, and no other manifest has: LIST tells them apart. */
  tombstoneBytes: 1536,
  /** Operations that a manifest remembers. A write without an answer finds itself among them. */
  operationsKeptMax: 32,
  /** Name of the identity in a manifest, bytes of UTF-8. */
  manifestPutByBytesMax: 1 * KIB,
  /**
   * Pieces of one base or patch: head, body, tail, and two for each 2 GiB of a value, so 254 GiB
   * fit.
   */
  contentSpansMax: 256,
  /** A patch up to this size, bytes, is held by the manifest; of a larger one, its blob's name. */
  patchInlineBytesMax: 4 * KIB,
  /** Head or tail of a patch that the manifest holds beside a blob, bytes. */
  patchFrameBytesMax: 2 * KIB,
  /** Patches that a manifest lists itself. One more moves them into a segment. */
  manifestPatchesMax: 64,
  /** Bytes of these patches. More move them into a segment. */
  manifestPatchBytesMax: 64 * KIB,
  /** Segments of one object: 10,000 patches of which each segment holds at least 15. */
  patchSegmentsMax: 1024,
  /** One segment, bytes: the patches of a manifest with their names. */
  patchSegmentBytesMax: 512 * KIB,

  /** Segments that a replica keeps in memory for gets that open their patches one by one. */
  segmentsKeptMax: 8,

  /**
   * Attempts of one write before the store counts as unavailable. Stores that poll for the lock of
   * a key let some of many writers lose often; usually the time ends first.
   */
  bucketWriteTriesMax: 64,
  /** Time for one write with all its attempts. */
  bucketWriteMsMax: 30_000,
  /** Upper end of the random wait before the second attempt. It doubles with each attempt. */
  bucketBackoffMs: 10,
  /** Upper end of the random wait between later attempts. */
  bucketBackoffMsMax: 1_000,
  /** The longest wait that a store can ask for with Retry-After. */
  bucketBackoffAskedMsMax: 5_000,
  /** Conflicts of one write that are answered by a new attempt at once, without a wait. */
  bucketConflictsAtOnceMax: 2,
  /** How old a finished blob may be when a manifest refers to it for the first time. */
  blobCommitMsMax: 300_000,
  /** How long a replica uses the version floor that it has read. */
  versionFloorTrustMs: 60_000,
  /** The floor object, bytes. */
  versionFloorBytesMax: 256,
  /**
   * How long the `Date` that was furthest ahead is the store's time. Then the next answer is, so
   * that one wrong `Date` does not last.
   */
  storeDateTrustMs: 60_000,
  /** How often a reader starts again because a blob was collected. */
  missingBlobReadsMax: 3,

  /** The first range of a blob that a reader requests, bytes. The next one is twice as large. */
  blobRangeBytesMin: 1 * MIB,
  /** The largest range, bytes: 1 GiB is 130 requests. */
  blobRangeBytesMax: 8 * MIB,
  /**
   * Memory of all ranges that arrive or wait for their readers or the local disk, bytes. A reader
   * that finds none left requests what it needs, without a range in advance.
   */
  blobRangesBytesMax: 64 * MIB,

  /** Bytes of a copy on the local disk under one checksum: what a short read reads too much. */
  copyBlockBytes: 64 * KIB,
  /** Copies on the local disk: each takes about 300 bytes of memory. */
  localCopiesMax: 200_000,
  /** Copies that are written at a time. Gets of more blobs read past the local disk. */
  copiesUnderWayMax: 64,
  /** Time for one write to the local disk, after which the copy is given up. */
  copyWriteMsMax: 2_000,
  /**
   * How long the readers of a copy may wait for the local disk: this, and half of the time since it
   * began. So the disk makes a get take at most twice as long and 2 s.
   */
  copyWaitMs: 1_000,
  /** Time for a whole copy: this, and a millisecond for each copyBytesPerMsMin. */
  copyMsMin: 60_000,
  /** 4 MiB/s: a copy whose readers are slower is given up. */
  copyBytesPerMsMin: 4 * KIB,
  /** Time without new copies after the local disk failed. */
  copyPauseMs: 10_000,

  /** Manifests that a list has in memory at a time. */
  listedManifestsMax: 128,
  /** Manifests that one list reads at a time. */
  listReadsAtOnce: 8,

  /**
   * Age, by the store's clock, below which a blob or a tombstone is never garbage. Far above every
   * time-out, and above the 15 minutes after which a store refuses a signed request.
   */
  garbageAgeMs: 3_600_000,
  /**
   * Time between the pass that finds garbage and the pass that removes it. Readers end meanwhile.
   */
  garbageGraceMs: 3_600_000,
  /** Mean time between two passes of a collector in a server: four replicas pass every 7 minutes. */
  garbagePassMs: 1_800_000,
  /** Blobs and tombstones that a collector remembers from pass to pass: 20 MB. Others wait. */
  garbageCandidatesMax: 200_000,
  /** Manifests that one pass of a collector reads. */
  garbageReadsMax: 10_000,
  /** A replica renews its registration, and lists the others, about this often. */
  replicaRenewalMs: 5_000,
  /** Age of a registration, by the store's clock, above which its replica counts as dead. */
  replicaSilenceMsMax: 15_000,
  /** Replicas that a replica names to clients. */
  replicasMax: 256,
  /** Registrations, dead ones included, that a replica looks at. */
  registrationsListedMax: 4_096,
  /** How long a replica that stops waits for the removal of its registration. */
  replicaLeaveMsMax: 2_000,
  /** Objects that one request removes: the bound of S3. */
  bucketRemovalsMax: 1_000,
} as const;
