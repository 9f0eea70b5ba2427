/**
 * The headers that make the store encrypt an object. Only writes need them.
 *
 * Source: "Specifying server-side encryption with AWS KMS" in the Amazon S3 User Guide.
 */
import { CacheError } from "../errors.ts";
import type { Encryption } from "./store-options.ts";

/** An id, an alias or an ARN: visible ASCII, because it is a header. */
const KEY_ID = /^[!-~]{1,2048}$/;

/** @throws {CacheError} INVALID_CONFIG */
export function encryptionHeaders(encryption: Encryption | undefined): Record<string, string> {
  if (encryption === undefined) return {};
  if (encryption.kind === "s3") return { "x-amz-server-side-encryption": "AES256" };
  const { keyId } = encryption;
  if (keyId !== undefined && !KEY_ID.test(keyId)) {
    throw new CacheError("INVALID_CONFIG", `not the id of a KMS key: ${JSON.stringify(keyId)}`);
  }
  return {
    "x-amz-server-side-encryption": "aws:kms",
    ...(keyId !== undefined && { "x-amz-server-side-encryption-aws-kms-key-id": keyId }),
  };
}
