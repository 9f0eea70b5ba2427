/**
 * The token of this page. It stays in memory, and in sessionStorage only if the user wishes: then it
 * survives a reload and ends with the tab. It is sent to this host only.
 */
import { Store } from "./store.ts";

const STORED_AS = "flame-cache-token";

export interface Session {
  readonly token: string | undefined;
  /** True after an answer 401, until a token is given. */
  readonly isTokenWanted: boolean;
  /** Counts tokens: what was loaded with an earlier one is loaded again. */
  readonly epoch: number;
}

export const session = new Store<Session>({
  token: readStored(),
  isTokenWanted: false,
  epoch: 0,
});

export function setToken(token: string | undefined, isKept: boolean): void {
  try {
    if (token !== undefined && isKept) sessionStorage.setItem(STORED_AS, token);
    else sessionStorage.removeItem(STORED_AS);
  } catch {
    // The browser forbids storage: the token stays in memory.
  }
  session.set({ token, isTokenWanted: false, epoch: session.value.epoch + 1 });
}

export function askForToken(): void {
  if (!session.value.isTokenWanted) session.set({ ...session.value, isTokenWanted: true });
}

export function stopAsking(): void {
  session.set({ ...session.value, isTokenWanted: false });
}

function readStored(): string | undefined {
  try {
    return sessionStorage.getItem(STORED_AS) ?? undefined;
  } catch {
    return undefined;
  }
}
