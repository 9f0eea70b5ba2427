/**
 * FlightDescriptor: what a call is about, a path or a command.
 *
 * The parts of a path come as they were sent; joining them into a key is the service's rule
 * (docs/protocol.md, "Keys"). A descriptor without a type is refused: it names nothing.
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

/** As the cache takes it: its commands are text. */
export type TextDescriptor = PathDescriptor | { readonly kind: "command"; readonly command: string };

/** As any Flight server may take or tell it: what a command holds is the server's affair. */
export type FlightDescriptor =
  | PathDescriptor
  | { readonly kind: "command"; readonly command: string | Uint8Array };

/**
 * Decodes a FlightDescriptor message.
 * @throws {CacheError} INVALID_REQUEST when it is not one, has no type, or its command is not UTF-8;
 *   OBJECT_TOO_LARGE over LIMITS.descriptorBytesMax.
 */
export function decodeDescriptor(bytes: Uint8Array): TextDescriptor {
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

/**
 * Decodes what a server says a message is about; undefined when it names nothing.
 * @throws {CacheError} INVALID_REQUEST when it is not a FlightDescriptor; OBJECT_TOO_LARGE over LIMITS.descriptorBytesMax.
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
 * For messages of a server that carry a descriptor inside: undefined when it names nothing, which some servers send.
 * A command is text when it is UTF-8, else a view. Not for use outside this room.
 */
export function fromDescriptorMessage(message: FlightDescriptorMessage): FlightDescriptor | undefined {
  if (message.type === DescriptorType.PATH) return { kind: "path", path: message.path };
  if (message.type !== DescriptorType.CMD) return undefined;
  const command = asBuffer(message.cmd);
  return { kind: "command", command: isUtf8(command) ? command.toString() : command };
}

/** For messages that carry a descriptor inside. Not for use outside this room. */
export function toDescriptorMessage(descriptor: FlightDescriptor): FlightDescriptorMessage {
  return descriptor.kind === "path"
    ? create(FlightDescriptorSchema, { type: DescriptorType.PATH, path: [...descriptor.path] })
    : create(FlightDescriptorSchema, { type: DescriptorType.CMD, cmd: bytesOf(descriptor.command) });
}
