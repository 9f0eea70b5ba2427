/**
 * Reads the server's ranking of keys and sessions. Pure.
 */

export interface Top {
  readonly keys: readonly { readonly key: string; readonly reads: number }[];
  readonly sessions: readonly { readonly key: string; readonly objects: number; readonly bytes: number }[];
}

export function readTop(answer: unknown): Top {
  const { keys, sessions } = (answer ?? {}) as Partial<Top>;
  return { keys: keys ?? [], sessions: sessions ?? [] };
}
