/**
 * A titled part of a view, and the sentences that stand in it when there is nothing to show.
 */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { ApiError } from "../api/call.ts";
import { askForToken } from "../api/session.ts";

export interface PanelProps {
  readonly title: string;
  /** To the right of the title. */
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Panel({ title, aside, class: more = "", children }: PanelProps) {
  const id = useId();
  return (
    <section class={`panel ${more}`} aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** @param what the thing that is missing, such as `the log` */
export function Failure({ failure, what }: { failure: ApiError; what: string }) {
  const { status, message } = failure;
  if (status === 401) {
    return (
      <p class="notice" role="status">
        A token is needed to see {what}.{" "}
        <button type="button" class="link" onClick={askForToken}>
          Enter one
        </button>
      </p>
    );
  }
  if (status === 403) {
    return (
      <p class="notice" role="status">
        You may not see {what}: {message}.
      </p>
    );
  }
  if (failure.isMissingRoute) {
    return (
      <p class="notice" role="status">
        This server does not offer {what}.
      </p>
    );
  }
  return (
    <p class="notice notice-bad" role="alert">
      The page could not load {what}: {message}
    </p>
  );
}

export function Waiting() {
  return (
    <p class="notice" role="status">
      Loading …
    </p>
  );
}
