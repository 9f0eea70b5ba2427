/**
 * Loads something for a component, again when its inputs or the token change, and stops when the
 * component goes away.
 */
import { useCallback, useEffect, useState } from "preact/hooks";
import { ApiError } from "./call.ts";
import { session } from "./session.ts";
import { useStore } from "./store.ts";

export interface Loading<Value> {
  /** The latest value, also while it is loaded again. */
  readonly value: Value | undefined;
  readonly failure: ApiError | undefined;
  readonly isLoading: boolean;
  reload(): void;
}

/** @param inputs as of useEffect: a change loads again and forgets the value */
export function useLoad<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  inputs: readonly unknown[],
): Loading<Value> {
  const { epoch } = useStore(session);
  const [count, setCount] = useState(0);
  const [state, setState] = useState<Omit<Loading<Value>, "reload">>(NOTHING);
  useEffect(() => setState(NOTHING), inputs);
  useEffect(() => {
    const ended = new AbortController();
    setState((now) => ({ ...now, isLoading: true }));
    load(ended.signal).then(
      (value) => {
        if (!ended.signal.aborted) setState({ value, failure: undefined, isLoading: false });
      },
      (error: unknown) => {
        if (ended.signal.aborted) return;
        setState({ value: undefined, failure: asApiError(error), isLoading: false });
      },
    );
    return () => ended.abort();
  }, [...inputs, epoch, count]);
  const reload = useCallback(() => setCount((now) => now + 1), []);
  return { ...state, reload };
}

const NOTHING = { value: undefined, failure: undefined, isLoading: true };

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, undefined, error instanceof Error ? error.message : String(error));
}
