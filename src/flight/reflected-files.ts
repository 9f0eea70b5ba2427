/**
 * The protobuf files of the server's services as bytes, and which file declares which symbol.
 *
 * The bytes are those of the generated code. The package grpc.reflection.v1alpha has no file of its
 * own: it is a copy of grpc.reflection.v1 with other names.
 * Cost: everything is built at the first use, in about a millisecond, and kept.
 */
import { clone, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";
import { file_flight } from "./generated/flight_pb.ts";
import { file_health } from "./generated/health_pb.ts";
import { file_reflection } from "./generated/reflection_pb.ts";

const V1_PACKAGE = "grpc.reflection.v1";
const V1_ALPHA_PACKAGE = "grpc.reflection.v1alpha";

interface ReflectedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly imports: readonly string[];
}

export class ReflectedFiles {
  /** Full names of all services, in the order of the files. */
  readonly services: readonly string[];
  readonly #files = new Map<string, ReflectedFile>();
  /** The file that declares a service, a method or a type. */
  readonly #symbols = new Map<string, ReflectedFile>();
  readonly #messages = new Set<string>();

  constructor() {
    const described = [file_flight, file_health, file_reflection].map(({ proto }) => proto);
    const services: string[] = [];
    for (const proto of [
      ...described,
      alphaOf(file_reflection.proto),
      file_google_protobuf_timestamp.proto,
    ]) {
      this.#add(proto);
      services.push(...proto.service.map(({ name }) => `${proto.package}.${name}`));
    }
    this.services = services;
  }

  /** The file of this name and everything that it imports; undefined if there is none. */
  byName(name: string): readonly Uint8Array[] | undefined {
    const file = this.#files.get(name);
    return file && this.#withImports(file);
  }

  /** @param symbol a full name, without a leading dot */
  bySymbol(symbol: string): readonly Uint8Array[] | undefined {
    const file = this.#symbols.get(symbol);
    return file && this.#withImports(file);
  }

  isMessage(type: string): boolean {
    return this.#messages.has(type);
  }

  #add(proto: FileDescriptorProto): void {
    const { name, dependency: imports } = proto;
    const file = { name, imports, bytes: toBinary(FileDescriptorProtoSchema, proto) };
    this.#files.set(name, file);
    const declare = (symbol: string): void => {
      this.#symbols.set(symbol, file);
    };
    for (const { name: service, method } of proto.service) {
      declare(`${proto.package}.${service}`);
      for (const { name: each } of method) declare(`${proto.package}.${service}.${each}`);
    }
    for (const { name: type } of proto.enumType) declare(`${proto.package}.${type}`);
    for (const type of proto.messageType) this.#addMessage(type, proto.package, declare);
  }

  #addMessage(type: DescriptorProto, scope: string, declare: (symbol: string) => void): void {
    const fullName = `${scope}.${type.name}`;
    this.#messages.add(fullName);
    declare(fullName);
    for (const { name } of type.enumType) declare(`${fullName}.${name}`);
    for (const nested of type.nestedType) this.#addMessage(nested, fullName, declare);
  }

  #withImports(file: ReflectedFile): Uint8Array[] {
    const imported = file.imports.map((name) => this.#files.get(name)!);
    return [file, ...imported].map(({ bytes }) => bytes);
  }
}

function alphaOf(v1: FileDescriptorProto): FileDescriptorProto {
  const alpha = clone(FileDescriptorProtoSchema, v1);
  const renamed = (type: string): string => type.replace(`.${V1_PACKAGE}.`, `.${V1_ALPHA_PACKAGE}.`);
  alpha.name = "reflection_v1alpha.proto";
  alpha.package = V1_ALPHA_PACKAGE;
  for (const field of alpha.messageType.flatMap((message) => message.field)) {
    field.typeName = renamed(field.typeName);
  }
  for (const method of alpha.service.flatMap((service) => service.method)) {
    method.inputType = renamed(method.inputType);
    method.outputType = renamed(method.outputType);
  }
  return alpha;
}
