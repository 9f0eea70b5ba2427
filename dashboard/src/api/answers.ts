/**
 * The answers of the API that the page uses, as they come in JSON.
 */

export interface ListedObject {
  readonly key: string;
  readonly version: number;
  readonly kind: string;
  readonly rows: number;
  readonly data_bytes: number;
  readonly stored_bytes: number;
  readonly patches: number;
  /** ISO 8601; null: unlimited. */
  readonly expires_at: string | null;
  readonly pinned: boolean;
}

export interface ObjectPage {
  readonly objects: readonly ListedObject[];
  readonly next: string | null;
}

export interface UsageSums {
  readonly objects: number;
  readonly data_bytes: number;
  readonly stored_bytes: number;
}

export interface SessionUsage extends UsageSums {
  readonly session: string;
}

export interface ApplicationUsage extends UsageSums {
  readonly application: string;
  readonly sessions: readonly SessionUsage[];
  readonly other_sessions: UsageSums & { readonly sessions: number };
}

export interface Usage extends UsageSums {
  readonly applications: readonly ApplicationUsage[];
}

export interface WhyEvent {
  /** Null: the journal does not know. */
  readonly at: string | null;
  readonly event: string;
  readonly version: number | null;
  readonly by: string | null;
  readonly cause: string | null;
  readonly bytes: number | null;
}

export interface WhyAnswer {
  readonly key: string;
  readonly present: boolean;
  readonly answer: string;
  readonly events: readonly WhyEvent[];
}

export interface ConfigAnswer {
  readonly settings: readonly {
    readonly key: string;
    readonly value: string | number | boolean | null;
    readonly source: string | null;
  }[];
}

export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly target: string;
  readonly text: string;
  readonly [field: string]: unknown;
}
