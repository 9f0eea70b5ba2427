/**
 * What the log knows of its files, and how it counts them.
 */
import { beforeEach, describe, expect, it } from "vitest";
import type { Recent } from "../../../../src/storage/disk/log/log-segment.ts";
import { LogSegment } from "../../../../src/storage/disk/log/log-segment.ts";
import { RecentFiles } from "../../../../src/storage/disk/log/recent-files.ts";
import { newSegmentHead } from "../../../../src/storage/disk/log/segment-head.ts";

/** Behind all records. */
const END = { number: 1000, position: 0 };

let recents: RecentFiles;
let segment: LogSegment;
let next: LogSegment;

function segmentOf(number: number): LogSegment {
  const place = { path: `${number}`, fd: -1, sizeBytes: 1000 };
  return new LogSegment(place, { head: newSegmentHead(number, Buffer.alloc(16), 0), place: 0 });
}

beforeEach(() => {
  recents = new RecentFiles();
  [segment, next] = [segmentOf(1), segmentOf(2)];
});

function added(path: string, changes: Partial<Recent> = {}): Recent {
  const recent: Recent = {
    path,
    kind: "put",
    segment,
    position: 64,
    contentStart: 100,
    contentBytes: 5000,
    atMs: 1,
    isRested: false,
    ...changes,
  };
  recents.add(recent);
  return recent;
}

/** All that the log counts. */
function counts(): number[] {
  return [recents.pendingPuts, recents.pendingBytes, recents.gone.size];
}

const NOTHING = [0, 0, 0];
/** Two blocks of 4096 bytes, and one for its inode. */
const FILE_BYTES = 3 * 4096;

describe("a put", () => {
  it("is pending until it has come to rest, and known until its segment is released", () => {
    const put = added("a/s/o.arrow");
    expect(recents.pending("a/s/o.arrow")).toBe(put);
    expect(counts()).toEqual([1, FILE_BYTES, 0]);
    expect([...segment.pending]).toEqual([put]);
    recents.rested(put);
    expect(recents.pending("a/s/o.arrow")).toBeUndefined();
    expect(recents.get("a/s/o.arrow")).toBe(put);
    expect(counts()).toEqual(NOTHING);
    expect([[...segment.pending], [...segment.rested]]).toEqual([[], [put]]);
    recents.release(segment);
    expect(recents.get("a/s/o.arrow")).toBeUndefined();
    expect([...recents.sessions]).toEqual([]);
  });

  it("counts once, however often it is replaced, and holds only the last segment", () => {
    added("a/s/o.arrow");
    const last = added("a/s/o.arrow", { segment: next, contentBytes: 1 });
    expect(recents.get("a/s/o.arrow")).toBe(last);
    expect(counts()).toEqual([1, 2 * 4096, 0]);
    expect([segment.pending.size, next.pending.size]).toEqual([0, 1]);
  });

  it("that was replaced meanwhile does not come to rest, nor does the later one", () => {
    const first = added("a/s/o.arrow");
    const last = added("a/s/o.arrow", { position: 128 });
    recents.rested(first);
    expect(recents.pending("a/s/o.arrow")).toBe(last);
    expect(counts()).toEqual([1, FILE_BYTES, 0]);
    expect(segment.rested.size).toBe(0);
  });

  it("that was replaced by its own file is not known", () => {
    added("a/s/o.arrow");
    recents.remove("a/s/o.arrow");
    expect(recents.get("a/s/o.arrow")).toBeUndefined();
    expect([...recents.in("a/s")]).toEqual([]);
    expect(counts()).toEqual(NOTHING);
    expect(segment.pending.size).toBe(0);
  });

  it("of a start that found it at rest counts nothing, and is known", () => {
    const put = added("a/s/o.arrow", { isRested: true });
    expect(recents.pending("a/s/o.arrow")).toBeUndefined();
    expect(recents.get("a/s/o.arrow")).toBe(put);
    expect(counts()).toEqual(NOTHING);
    expect([segment.pending.size, segment.rested.size]).toEqual([0, 1]);
  });

  it("stays pending when an earlier segment is released", () => {
    added("a/s/o.arrow");
    const last = added("a/s/o.arrow", { segment: next });
    recents.release(segment);
    expect(recents.pending("a/s/o.arrow")).toBe(last);
  });
});

describe("a removal", () => {
  it("takes the place of the put, and is known until the log says that it has come to rest", () => {
    added("a/s/o.arrow");
    const gone = added("a/s/o.arrow", { kind: "gone", contentBytes: 0 });
    expect(counts()).toEqual([0, 0, 1]);
    expect(recents.pending("a/s/o.arrow")).toBe(gone);
    recents.rested(gone);
    expect(counts()).toEqual(NOTHING);
    expect(recents.pending("a/s/o.arrow")).toBeUndefined();
    expect(recents.get("a/s/o.arrow")).toBe(gone);
    recents.beginNote(END)();
    expect(recents.get("a/s/o.arrow")).toBeUndefined();
    expect([segment.pending.size, segment.rested.size]).toEqual([0, 0]);
  });

  it("stays known while a scan runs that may have read its name, also if another one ends", () => {
    const [endFirst, endSecond] = [recents.beginScan(), recents.beginScan()];
    const gone = added("a/s/o.arrow", { kind: "gone", contentBytes: 0 });
    recents.rested(gone);
    recents.beginNote(END)();
    endFirst();
    expect(recents.get("a/s/o.arrow")).toBe(gone);
    expect(recents.pending("a/s/o.arrow")).toBeUndefined();
    endSecond();
    expect(recents.get("a/s/o.arrow")).toBeUndefined();
    expect(segment.rested.size).toBe(0);
  });

  it("that comes to rest while the log is being told is known until it is told again", () => {
    const end = recents.beginNote(END);
    const gone = added("a/s/o.arrow", { kind: "gone", contentBytes: 0 });
    recents.rested(gone);
    end();
    expect(recents.get("a/s/o.arrow")).toBe(gone);
    recents.beginNote(END)();
    expect(recents.get("a/s/o.arrow")).toBeUndefined();
  });

  it("whose name was put again before the log was told makes way for it", () => {
    recents.rested(added("a/s/o.arrow", { kind: "gone", contentBytes: 0 }));
    const end = recents.beginNote(END);
    const put = added("a/s/o.arrow");
    end();
    expect(recents.pending("a/s/o.arrow")).toBe(put);
  });

  it("that is still pending when a scan ends stays, and so do puts at rest", () => {
    const endScan = recents.beginScan();
    const gone = added("a/s/o.arrow", { kind: "gone", contentBytes: 0 });
    const put = added("a/s/p.arrow");
    recents.rested(put);
    endScan();
    expect(recents.pending("a/s/o.arrow")).toBe(gone);
    expect(recents.get("a/s/p.arrow")).toBe(put);
  });

  it("whose name was put again during a scan makes way for it", () => {
    const endScan = recents.beginScan();
    recents.rested(added("a/s/o.arrow", { kind: "gone", contentBytes: 0 }));
    const put = added("a/s/o.arrow");
    endScan();
    expect(recents.pending("a/s/o.arrow")).toBe(put);
    expect(counts()).toEqual([1, FILE_BYTES, 0]);
  });
});

describe("directories", () => {
  it("are those of a session, of its objects and of patches", () => {
    added("a/s/o.arrow");
    added("a/s/.o.v1/2.arrow");
    added("a/t/o.arrow");
    expect([...recents.directoriesOf("a/s")].sort()).toEqual(["a/s", "a/s/.o.v1"]);
    expect([...recents.sessions].sort()).toEqual(["a/s", "a/t"]);
    expect([...recents.in("a/s")].map(({ path }) => path)).toEqual(["a/s/o.arrow"]);
    recents.remove("a/s/o.arrow");
    expect([...recents.directoriesOf("a/s")]).toEqual(["a/s/.o.v1"]);
    recents.remove("a/s/.o.v1/2.arrow");
    expect([...recents.sessions]).toEqual(["a/t"]);
  });

  it("are all synced before their segment is released, also those whose files are in a later one", () => {
    added("a/s/o.arrow");
    added("a/s/o.arrow", { segment: next });
    expect([...segment.directories]).toEqual(["a/s"]);
    expect([...next.directories]).toEqual(["a/s"]);
  });
});
