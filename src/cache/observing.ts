/**
 * What operators ask of a running cache: why an object is here or gone, and what is read most and
 * takes most space.
 *
 * Questions are bounded in time and memory, and other calls run in between.
 */
import { LIMITS } from "../limits.ts";
import type { ObjectKey } from "../object/object-key.ts";
import { type ObjectStory, type StoryHost, tellStory } from "./events/object-story.ts";
import { type HotKey, HotKeys } from "./hot-keys.ts";
import type { IndexEntry } from "./index-entry.ts";
import { GroupCount, type LargestGroups } from "./largest-groups.ts";

export interface ObservingHost extends StoryHost {
  /** The entry of a key, even if damaged; undefined if there is no object or it has expired. */
  find(key: ObjectKey): Promise<IndexEntry | undefined>;
  /** All objects that are known without asking. */
  entries(): Iterable<IndexEntry>;
}

export interface TopReport extends LargestGroups {
  readonly keys: readonly HotKey[];
}

export class Observing {
  readonly #host: ObservingHost;
  readonly #hotKeys = new HotKeys();
  readonly #groups: GroupCount;

  constructor(host: ObservingHost) {
    this.#host = host;
    this.#groups = new GroupCount(() => host.entries());
  }

  /** Called for each get. */
  wasRead(name: string): void {
    this.#hotKeys.read(name);
  }

  /** The present state and the past of an object, which need not exist. */
  async why(key: ObjectKey): Promise<ObjectStory> {
    return await tellStory(this.#host, key, await this.#host.find(key));
  }

  /** The keys that are read most, the largest sessions and applications. */
  async top(): Promise<TopReport> {
    return { keys: this.#hotKeys.top(LIMITS.topRowsMax), ...(await this.#groups.largest()) };
  }
}
