/**
 * Answers of the server reflection, and that its files describe the protocol that the server speaks.
 */
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../../src/flight/generated/reflection_pb.ts";
import {
  FLIGHT_METHODS,
  FLIGHT_SERVICE,
  HEALTH_METHODS,
  type Method,
  REFLECTION_METHODS,
} from "../../../src/flight/methods.ts";
import { answerReflection } from "../../../src/flight/reflection.ts";

type Question = ReturnType<typeof create<typeof ServerReflectionRequestSchema>>["messageRequest"];

function ask(messageRequest: Question): ServerReflectionResponse["messageResponse"] {
  const request = create(ServerReflectionRequestSchema, { host: "a.b", messageRequest });
  const answer = answerReflection(toBinary(ServerReflectionRequestSchema, request));
  const response = fromBinary(ServerReflectionResponseSchema, answer);
  expect(response).toMatchObject({ validHost: "a.b", originalRequest: request });
  return response.messageResponse;
}

/** The files of an answer, linked: this fails if an import is missing. */
function filesOf(answer: ServerReflectionResponse["messageResponse"]) {
  expect(answer.case).toBe("fileDescriptorResponse");
  const { fileDescriptorProto } = answer.value as { fileDescriptorProto: Uint8Array[] };
  const file = fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  return createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }));
}

const METHODS: readonly Method[] = [
  ...Object.values(FLIGHT_METHODS),
  ...Object.values(HEALTH_METHODS),
  ...Object.values(REFLECTION_METHODS),
];

const KINDS = { unary: "unary", server_streaming: "serverStreaming", bidi_streaming: "bidiStreaming" };

describe("server reflection", () => {
  it("lists the services", () => {
    const answer = ask({ case: "listServices", value: "*" });
    const { service } = answer.value as { service: { name: string }[] };
    expect(service.map(({ name }) => name)).toEqual([
      "arrow.flight.protocol.FlightService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
  });

  it.each(METHODS)("describes $path with its streaming directions", ({ path, kind }) => {
    const [, service = "", name = ""] = path.split("/");
    const files = filesOf(ask({ case: "fileContainingSymbol", value: `${service}.${name}` }));
    const method = files.getService(service)?.methods.find((each) => each.name === name);
    expect(KINDS[method?.methodKind as keyof typeof KINDS]).toBe(kind);
  });

  it("describes no method that the server does not know", () => {
    const files = filesOf(ask({ case: "fileContainingSymbol", value: FLIGHT_SERVICE }));
    const names = files.getService(FLIGHT_SERVICE)!.methods.map(({ name }) => name);
    expect(names.toSorted()).toEqual(Object.keys(FLIGHT_METHODS).toSorted());
  });

  it("has the messages of v1alpha in its own package", () => {
    const files = filesOf(
      ask({ case: "fileContainingSymbol", value: "grpc.reflection.v1alpha.ErrorResponse" }),
    );
    const [method] = files.getService("grpc.reflection.v1alpha.ServerReflection")!.methods;
    expect(method?.input.typeName).toBe("grpc.reflection.v1alpha.ServerReflectionRequest");
    const response = method!.output.fields.find(({ name }) => name === "original_request");
    expect(response?.message?.typeName).toBe("grpc.reflection.v1alpha.ServerReflectionRequest");
  });

  it.each([
    "arrow.flight.protocol.FlightData",
    "arrow.flight.protocol.FlightDescriptor.DescriptorType",
    "arrow.flight.protocol.CancelStatus",
    "google.protobuf.Timestamp",
  ])("finds the file of %s", (symbol) => {
    const files = filesOf(ask({ case: "fileContainingSymbol", value: symbol }));
    expect(files.getMessage(symbol) ?? files.getEnum(symbol)).toBeDefined();
  });

  it.each(["flight.proto", "reflection_v1alpha.proto", "google/protobuf/timestamp.proto"])(
    "has the file %s",
    (name) => {
      expect(filesOf(ask({ case: "fileByFilename", value: name })).files).not.toEqual([]);
    },
  );

  it.each<Question>([
    { case: "fileByFilename", value: "etc/passwd" },
    { case: "fileContainingSymbol", value: "" },
    { case: "fileContainingSymbol", value: "constructor" },
    { case: "fileContainingSymbol", value: ".arrow.flight.protocol.FlightService" },
    { case: "allExtensionNumbersOfType", value: "a.B" },
    {
      case: "fileContainingExtension",
      value: { $typeName: "grpc.reflection.v1.ExtensionRequest", containingType: "a.B", extensionNumber: 1 },
    },
  ])("answers NOT_FOUND to $case $value", (question) => {
    expect(ask(question)).toMatchObject({ case: "errorResponse", value: { errorCode: 5 } });
  });

  it("has no extensions of its messages", () => {
    const answer = ask({ case: "allExtensionNumbersOfType", value: "arrow.flight.protocol.Action" });
    expect(answer).toMatchObject({ case: "allExtensionNumbersResponse", value: { extensionNumber: [] } });
  });

  it("answers INVALID_ARGUMENT to a request that asks for nothing", () => {
    expect(ask({ case: undefined })).toMatchObject({ case: "errorResponse", value: { errorCode: 3 } });
  });

  it("refuses bytes that are not a request", () => {
    expect(() => answerReflection(Buffer.from("1a05", "hex"))).toThrow(/^\[INVALID_REQUEST\]/);
  });
});
