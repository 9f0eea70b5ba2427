/**
 * The headers with which the store encrypts what is written. Reads need none.
 *
 * Source: "Specifying server-side encryption with AWS KMS" in the Amazon S3 User Guide.
 */
import type { Encryption } from "./store-options.ts";

export function encryptionHeaders(encryption: Encryption | undefined): Record<string, string> {
  if (encryption === undefined) return {};
  if (encryption.kind === "s3") return { "x-amz-server-side-encryption": "AES256" };
  const { keyId } = encryption;
  return {
    "x-amz-server-side-encryption": "aws:kms",
    ...(keyId !== undefined && { "x-amz-server-side-encryption-aws-kms-key-id": keyId }),
  };
}
