/**
 * Identifies the caller of each call, over gRPC and over HTTP.
 *
 * The contract between the service, which asks once for each call before its handler runs, and the
 * kinds of credentials.
 */
import type { ClientCertificate } from "../grpc/call.ts";
import { EVERYONE, type Identity } from "./identity.ts";
import type { QuotaTable } from "./quotas.ts";

/** What a caller presents. */
export interface Credentials {
  /** The header `authorization`. */
  readonly authorization: string | undefined;
  readonly certificate: ClientCertificate | undefined;
  /** The caller's address without its port. Failed attempts are counted for each address. */
  readonly address: string;
}

export interface AccessControl {
  /** False if every caller may do everything: then `identify` need not be called. */
  readonly isOn: boolean;
  /**
   * The caller's identity. A promise only if a check takes time, or if a failed attempt is answered
   * late.
   * @throws {CacheError} UNAUTHENTICATED
   */
  identify(credentials: Credentials): Identity | Promise<Identity>;
  /**
   * Exchanges a name and a password for a bearer token that is valid for a while. Absent if callers
   * are not identified.
   * @throws {CacheError} UNAUTHENTICATED
   */
  issueToken?(credentials: Credentials): Promise<string>;
  /** Calls `take` with the quotas of the rules, at once and after each change. Absent: no quotas. */
  followQuotas?(take: (quotas: QuotaTable) => void): void;
  /** Reads the rules again. Running calls continue. */
  reload?(): void;
  /** Ends delays and stops watching the rules. */
  close?(): void;
}

/** Every caller may do everything. */
export const OPEN_ACCESS: AccessControl = { isOn: false, identify: () => EVERYONE };
