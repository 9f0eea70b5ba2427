/**
 * Lists what an engine has: the names in the directory, changed by what the log knows better.
 *
 * Nothing behind a link is listed (RealDirectories).
 */
import type { ObjectKey } from "../../object/object-key.ts";
import type { ScannedObjects, ScannedSession } from "../object-storage.ts";
import { diskFailure } from "./disk-failure.ts";
import { deltaPlaces, listDiskSessions, patchedBases, patchVersions, scanDiskSession } from "./disk-scan.ts";
import type { DiskTools } from "./disk-tools.ts";
import { deltaDirectoryPath, patchDirectoryPath, sessionPath } from "./file-names.ts";
import { RecentNames } from "./log/recent-names.ts";
import { scanDirectory } from "./scan-thread.ts";

export class StoredNames {
  readonly #tools: DiskTools;
  readonly #recent: RecentNames;

  constructor(tools: DiskTools) {
    this.#tools = tools;
    this.#recent = new RecentNames(tools.log, tools.root);
  }

  async patches(key: ObjectKey, baseVersion: number): Promise<number[]> {
    const versions = new Set<number>();
    const directory = patchDirectoryPath(key, baseVersion);
    const before = this.#recent.pendingIn(directory);
    if (await this.#isReal(directory)) {
      for await (const version of patchVersions(this.#tools.root, directory)) versions.add(version);
    }
    this.#recent.changePatches(directory, versions, before);
    return [...versions].sort((a, b) => a - b);
  }

  /** Base versions that have patches. Reads the session's whole directory. */
  async patchedBases(key: ObjectKey): Promise<number[]> {
    const recent = this.#recent.patchedBases(key);
    if (!(await this.#isReal(sessionPath(key.applicationId, key.sessionId)))) return recent;
    return [...new Set([...recent, ...(await patchedBases(this.#tools.root, key))])];
  }

  async deltas(key: ObjectKey): Promise<number[]> {
    const directory = deltaDirectoryPath(key);
    if (!(await this.#isReal(directory))) return [];
    const places: number[] = [];
    for await (const place of deltaPlaces(this.#tools.root, directory)) places.push(place);
    return places.sort((a, b) => a - b);
  }

  async *all(removals: Int32Array): AsyncGenerator<ScannedObjects> {
    const { root, recorder, log } = this.#tools;
    const onUnsettled = (): void => recorder.changed();
    const letGo = await recorder.holdForScan();
    const endScan = log.recents.beginScan();
    try {
      yield* this.#recent.objects(removals);
      for await (const found of scanDirectory({ root, removals, onUnsettled })) {
        const changed = this.#recent.changed(found);
        if (changed) yield changed;
      }
    } finally {
      endScan();
      letGo();
    }
  }

  async inSession(applicationId: string, sessionId: string): Promise<ScannedSession | undefined> {
    const before = this.#recent.pendingOf({ applicationId, sessionId });
    const isThere = await this.#isReal(sessionPath(applicationId, sessionId));
    const found = isThere ? await scanDiskSession(this.#tools.root, applicationId, sessionId) : undefined;
    const names = this.#recent.inSession({ applicationId, sessionId }, found?.names ?? [], before);
    return names.length > 0 ? { applicationId, sessionId, names } : undefined;
  }

  async sessions(applicationId: string): Promise<string[]> {
    const recent = this.#recent.sessions(applicationId);
    if (!(await this.#isReal(applicationId))) return recent;
    const sessions = new Set(recent);
    for (const sessionId of await listDiskSessions(this.#tools.root, applicationId)) {
      const hasRemovals = this.#recent.hasRemovals({ applicationId, sessionId });
      if (!hasRemovals || (await this.inSession(applicationId, sessionId))) sessions.add(sessionId);
    }
    return [...sessions];
  }

  async #isReal(directory: string): Promise<boolean> {
    try {
      return (await this.#tools.directories.look(directory)) === "real";
    } catch (error) {
      throw diskFailure(error, directory);
    }
  }
}
