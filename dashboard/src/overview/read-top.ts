/**
 * Reads the server's ranking of keys and sessions. Pure.
 */

export interface Top {
  /** False: the server counts no objects, so there are no sessions. */
  readonly isCounted: boolean;
  readonly keys: readonly { readonly key: string; readonly reads: number }[];
  readonly sessions: readonly { readonly name: string; readonly objects: number; readonly bytes: number }[];
}

/** The members of the answer that the page uses. */
export interface TopAnswer {
  readonly counted?: boolean;
  readonly keys: readonly { readonly key: string; readonly gets: number }[];
  readonly sessions: readonly {
    readonly name: string;
    readonly objects: number;
    readonly data_bytes: number;
  }[];
}

const SHOWN = 10;

export function readTop({ counted, keys, sessions }: TopAnswer): Top {
  return {
    isCounted: counted !== false,
    keys: keys.slice(0, SHOWN).map(({ key, gets }) => ({ key, reads: gets })),
    sessions: sessions
      .slice(0, SHOWN)
      .map(({ name, objects, data_bytes: bytes }) => ({ name, objects, bytes })),
  };
}
