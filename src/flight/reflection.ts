/**
 * Answers the requests of the gRPC server reflection: which services the server has, and how their
 * messages look.
 *
 * The packages v1 and v1alpha have the same messages, so one function answers both. Names that do
 * not exist are answered in the stream, which goes on.
 * Source: grpc/doc/server-reflection.md; grpc/reflection/v1/reflection.proto.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "./generated/reflection_pb.ts";
import { decodeRequestOf } from "./protobuf.ts";
import { ReflectedFiles } from "./reflected-files.ts";

type Answer = ServerReflectionResponse["messageResponse"];

/** Statuses of gRPC inside an answer. */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;

let files: ReflectedFiles | undefined;

/** @throws {CacheError} INVALID_REQUEST if the bytes are not a ServerReflectionRequest. */
export function answerReflection(bytes: Uint8Array): Uint8Array {
  files ??= new ReflectedFiles();
  const request = decodeRequestOf(ServerReflectionRequestSchema, bytes);
  const response = create(ServerReflectionResponseSchema, {
    validHost: request.host,
    originalRequest: request,
    messageResponse: answerOf(files, request.messageRequest),
  });
  return toBinary(ServerReflectionResponseSchema, response);
}

function answerOf(files: ReflectedFiles, request: ServerReflectionRequest["messageRequest"]): Answer {
  switch (request.case) {
    case "listServices":
      return servicesAnswer(files.services);
    case "fileByFilename":
      return filesAnswer(files.byName(request.value), "file");
    case "fileContainingSymbol":
      return filesAnswer(files.bySymbol(request.value), "symbol");
    case "fileContainingExtension":
      return errorAnswer(NOT_FOUND, "the server has no extensions");
    case "allExtensionNumbersOfType":
      return extensionsAnswer(files, request.value);
    default:
      return errorAnswer(INVALID_ARGUMENT, "the request asks for nothing that the server knows");
  }
}

function servicesAnswer(names: readonly string[]): Answer {
  const $typeName = "grpc.reflection.v1.ServiceResponse";
  const service = names.map((name) => ({ $typeName, name }) as const);
  return {
    case: "listServicesResponse",
    value: { $typeName: "grpc.reflection.v1.ListServiceResponse", service },
  };
}

function filesAnswer(found: readonly Uint8Array[] | undefined, what: string): Answer {
  if (found === undefined) return errorAnswer(NOT_FOUND, `the server has no such ${what}`);
  const $typeName = "grpc.reflection.v1.FileDescriptorResponse";
  return { case: "fileDescriptorResponse", value: { $typeName, fileDescriptorProto: [...found] } };
}

/** The services use proto3, which has no extensions of messages. */
function extensionsAnswer(files: ReflectedFiles, baseTypeName: string): Answer {
  if (!files.isMessage(baseTypeName)) return errorAnswer(NOT_FOUND, "the server has no such type");
  const $typeName = "grpc.reflection.v1.ExtensionNumberResponse";
  return { case: "allExtensionNumbersResponse", value: { $typeName, baseTypeName, extensionNumber: [] } };
}

function errorAnswer(errorCode: number, errorMessage: string): Answer {
  const $typeName = "grpc.reflection.v1.ErrorResponse";
  return { case: "errorResponse", value: { $typeName, errorCode, errorMessage } };
}
