/**
 * FlightDescriptor: what a call is about, a path or a command.
 *
 * The parts of a path come as they were sent; joining them into a key is the service's rule (PROTOCOL 1).
 * A descriptor without a type is refused: it names nothing.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { CacheError } from "../errors.ts";
import {
  FlightDescriptor_DescriptorType as DescriptorType,
  type FlightDescriptor as FlightDescriptorMessage,
  FlightDescriptorSchema,
} from "./generated/flight_pb.ts";
import { decodeMessageOf } from "./protobuf.ts";
import { checkSize } from "./size-limit.ts";
import { decodeText } from "./text.ts";

export type FlightDescriptor =
  | { readonly kind: "path"; readonly path: readonly string[] }
  | { readonly kind: "command"; readonly command: string };

/**
 * Decodes a FlightDescriptor message.
 * @throws {CacheError} INVALID_REQUEST when it is not one, has no type, or its command is not UTF-8;
 *   OBJECT_TOO_LARGE over LIMITS.descriptorBytesMax.
 */
export function decodeDescriptor(bytes: Uint8Array): FlightDescriptor {
  checkSize("the flight descriptor", bytes.byteLength, "descriptorBytesMax");
  return fromDescriptorMessage(decodeMessageOf(FlightDescriptorSchema, bytes));
}

/** Encodes a FlightDescriptor message. */
export function encodeDescriptor(descriptor: FlightDescriptor): Uint8Array {
  return toBinary(FlightDescriptorSchema, toDescriptorMessage(descriptor));
}

/** For messages that carry a descriptor inside. Not for use outside this room. */
export function fromDescriptorMessage(message: FlightDescriptorMessage): FlightDescriptor {
  switch (message.type) {
    case DescriptorType.PATH:
      return { kind: "path", path: message.path };
    case DescriptorType.CMD:
      return { kind: "command", command: decodeText(message.cmd, "the command of the flight descriptor") };
    default:
      throw new CacheError("INVALID_REQUEST", "the flight descriptor is neither a path nor a command", {
        facts: { type: message.type },
      });
  }
}

/** For messages that carry a descriptor inside. Not for use outside this room. */
export function toDescriptorMessage(descriptor: FlightDescriptor): FlightDescriptorMessage {
  return descriptor.kind === "path"
    ? create(FlightDescriptorSchema, { type: DescriptorType.PATH, path: [...descriptor.path] })
    : create(FlightDescriptorSchema, { type: DescriptorType.CMD, cmd: Buffer.from(descriptor.command) });
}
