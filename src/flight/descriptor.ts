/**
 * FlightDescriptor: the subject of a call, a path or a command.
 *
 * The parts of a path are returned as sent; the service joins them into a key (docs/protocol.md,
 * "Keys"). A descriptor without a type is refused, because it names nothing.
 */
import { isUtf8 } from "node:buffer";
import { create, toBinary } from "@bufbuild/protobuf";
import { CacheError } from "../errors.ts";
import {
  FlightDescriptor_DescriptorType as DescriptorType,
  type FlightDescriptor as FlightDescriptorMessage,
  FlightDescriptorSchema,
} from "./generated/flight_pb.ts";
import { asBuffer, decodeMessageOf, decodeRequestOf } from "./protobuf.ts";
import { checkSize } from "./size-limit.ts";
import { bytesOf, decodeText } from "./text.ts";

interface PathDescriptor {
  readonly kind: "path";
  readonly path: readonly string[];
}

/** The form for the cache, whose commands are text. */
export type TextDescriptor = PathDescriptor | { readonly kind: "command"; readonly command: string };

/** The form for any Flight server, which defines what its commands contain. */
export type FlightDescriptor =
  | PathDescriptor
  | { readonly kind: "command"; readonly command: string | Uint8Array };

/**
 * Decodes a FlightDescriptor message.
 * @throws {CacheError} INVALID_REQUEST if it is not one, has no type, or its command is not UTF-8;
 *   OBJECT_TOO_LARGE over LIMITS.descriptorBytesMax.
 */
export function decodeDescriptor(bytes: Uint8Array): TextDescriptor {
  if (isShortPath(bytes)) {
    return { kind: "path", path: [decodeText(bytes.subarray(4), "the path of the flight descriptor")] };
  }
  checkSize("the flight descriptor", bytes.byteLength, "descriptorBytesMax");
  const message = decodeRequestOf(FlightDescriptorSchema, bytes);
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

/** True for a path of one part below 128 bytes, `08 01 1A size text`: that of nearly every put. */
function isShortPath(bytes: Uint8Array): boolean {
  const sizeBytes = bytes.length - 4;
  const isPath = bytes[0] === 0x08 && bytes[1] === DescriptorType.PATH && bytes[2] === 0x1a;
  return isPath && bytes[3] === sizeBytes && sizeBytes < 0x80;
}

/**
 * Decodes the descriptor in a server's message; undefined if it names nothing.
 * @throws {CacheError} INVALID_REQUEST if it is not a FlightDescriptor; OBJECT_TOO_LARGE over
 *   LIMITS.descriptorBytesMax.
 */
export function decodeServerDescriptor(bytes: Uint8Array): FlightDescriptor | undefined {
  checkSize("the flight descriptor", bytes.byteLength, "descriptorBytesMax");
  return fromDescriptorMessage(decodeMessageOf(FlightDescriptorSchema, bytes));
}

/** Encodes a FlightDescriptor message. */
export function encodeDescriptor(descriptor: FlightDescriptor): Uint8Array {
  return toBinary(FlightDescriptorSchema, toDescriptorMessage(descriptor));
}

/**
 * For messages of a server with a nested descriptor: undefined if it names nothing, which some
 * servers send. A command is text if it is UTF-8, otherwise a view. For use in this module only.
 */
export function fromDescriptorMessage(message: FlightDescriptorMessage): FlightDescriptor | undefined {
  if (message.type === DescriptorType.PATH) return { kind: "path", path: message.path };
  if (message.type !== DescriptorType.CMD) return undefined;
  const command = asBuffer(message.cmd);
  return { kind: "command", command: isUtf8(command) ? command.toString() : command };
}

/** For messages with a nested descriptor. For use in this module only. */
export function toDescriptorMessage(descriptor: FlightDescriptor): FlightDescriptorMessage {
  return descriptor.kind === "path"
    ? create(FlightDescriptorSchema, { type: DescriptorType.PATH, path: [...descriptor.path] })
    : create(FlightDescriptorSchema, { type: DescriptorType.CMD, cmd: bytesOf(descriptor.command) });
}
