/**
 * The error of an address on which the server cannot listen: names the key, the cause, and a way out.
 */
import { CacheError } from "../errors.ts";
import { errnoOf } from "../storage/disk/disk-failure.ts";
import { describeOwner, ownerOfPort } from "../storage/disk/socket-owner.ts";

/** The setting of an address, whose name is also that of its flag. */
export interface WrongAddress {
  readonly key: string;
  readonly host: string;
  readonly port: number;
}

/** @returns INVALID_CONFIG */
export function listenError(cause: unknown, { key, host, port }: WrongAddress): CacheError {
  const text = `cannot listen on ${host}, port ${port}: ${listenFailure(cause, port, `--${key}`)}`;
  return new CacheError("INVALID_CONFIG", text, { cause, facts: { key, value: host, port } });
}

function listenFailure(cause: unknown, port: number, flag: string): string {
  switch (errnoOf(cause)) {
    case "EADDRINUSE":
      return `${describeOwner(ownerOfPort(port))} listens there; stop it, or name another port with ${flag} (port 0 takes a free one)`;
    case "EADDRNOTAVAIL":
      return `no network interface of this host has that address; ${flag} names another, 0.0.0.0 is all of them`;
    case "EACCES":
      return `this user has no permission for that port; choose another with ${flag}`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the host name has no address; ${flag} names another host, such as 127.0.0.1 or 0.0.0.0`;
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
