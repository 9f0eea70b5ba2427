/**
 * `@grpc/grpc-js` as a peer: a generic client of raw bytes, and a server of the same echo methods.
 *
 * Its callbacks and events become promises here; everything else is left as the library does it.
 */
import {
  type ClientReadableStream,
  credentials,
  Client as GrpcJsClient,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { onTestFinished } from "vitest";

export const asBytes = (bytes: Buffer): Buffer => bytes;

export function grpcJsClientOf({ port }: { readonly port: number }, options: object = {}): GrpcJsClient {
  const client = new GrpcJsClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

export interface CallWords {
  readonly metadata?: Readonly<Record<string, string | Buffer>>;
  readonly deadlineMs?: number;
}

/** Metadata and options in the library's form. */
export function wordsOf({ metadata = {}, deadlineMs }: CallWords): [Metadata, { deadline?: number }] {
  const words = new Metadata();
  for (const [name, value] of Object.entries(metadata)) words.set(name, value);
  return [words, deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }];
}

export interface UnaryOutcome {
  readonly answer: Buffer | undefined;
  readonly error: ServiceError | undefined;
  readonly trailers: Metadata;
}

export function unaryOutcome(
  client: GrpcJsClient,
  path: string,
  request: Buffer,
  words: CallWords = {},
): Promise<UnaryOutcome> {
  return new Promise((resolve) => {
    const outcome: { answer?: Buffer; error?: ServiceError } = {};
    const call = client.makeUnaryRequest(
      path,
      asBytes,
      asBytes,
      request,
      ...wordsOf(words),
      (error, answer) => {
        Object.assign(outcome, { error: error ?? undefined, answer });
      },
    );
    call.on("status", ({ metadata }) =>
      setImmediate(() => resolve({ answer: outcome.answer, error: outcome.error, trailers: metadata })),
    );
  });
}

export interface StreamOutcome {
  readonly messages: Buffer[];
  readonly code: number;
  readonly details: string;
  readonly trailers: Metadata;
}

/** Reads a stream to its status. */
export function streamOutcome(call: ClientReadableStream<Buffer>): Promise<StreamOutcome> {
  const messages: Buffer[] = [];
  call.on("data", (message: Buffer) => messages.push(message));
  call.on("error", () => undefined);
  return new Promise((resolve) => {
    call.on("status", ({ code, details, metadata }) =>
      setImmediate(() => resolve({ messages, code, details, trailers: metadata })),
    );
  });
}

const METHOD = {
  requestSerialize: asBytes,
  requestDeserialize: asBytes,
  responseSerialize: asBytes,
  responseDeserialize: asBytes,
};

/** A grpc-js server of `/test.Echo/...`; Unary fails with NOT_FOUND and the text of `x-fail`, if any. */
export async function serveByGrpcJs(): Promise<{ readonly port: number }> {
  const server = new Server({ "grpc.max_receive_message_length": -1 });
  const streaming = { ...METHOD, requestStream: true, responseStream: true };
  server.addService(
    {
      Unary: { ...METHOD, path: "/test.Echo/Unary", requestStream: false, responseStream: false },
      ServerStream: { ...streaming, path: "/test.Echo/ServerStream", requestStream: false },
      ClientStream: { ...streaming, path: "/test.Echo/ClientStream", responseStream: false },
      Bidi: { ...streaming, path: "/test.Echo/Bidi" },
      Hang: { ...METHOD, path: "/test.Echo/Hang", requestStream: false, responseStream: false },
    },
    {
      Unary: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        const trailers = new Metadata();
        for (const value of call.metadata.get("x-echo-bin")) trailers.add("x-echo-bin", value);
        const failure = call.metadata.get("x-fail")[0]?.toString();
        const error =
          failure === undefined ? null : { code: status.NOT_FOUND, details: decodeURIComponent(failure) };
        done(error, call.request, trailers);
      },
      ServerStream: (call: ServerWritableStream<Buffer, Buffer>) => {
        for (let i = 0; i < Number(call.metadata.get("x-count")[0]); i++) call.write(call.request);
        call.end();
      },
      ClientStream: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        let sizeBytes = 0;
        call.on("data", (message: Buffer) => {
          sizeBytes += message.length;
        });
        call.on("end", () => done(null, Buffer.from(String(sizeBytes))));
      },
      Bidi: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (message: Buffer) => call.write(message));
        call.on("end", () => call.end());
      },
      Hang: () => undefined,
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  onTestFinished(() => server.forceShutdown());
  return { port };
}
