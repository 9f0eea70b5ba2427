/**
 * A Flight server whose methods a test writes itself, with a FlightClient on it.
 *
 * Both end with the test, and neither may have an open call left then.
 */
import { onTestFinished } from "vitest";
import { FlightClient } from "../../../../src/client/flight/flight-client.ts";
import type { FlightClientOptions } from "../../../../src/client/flight/flight-options.ts";
import type { IncomingFlightData } from "../../../../src/client/flight/incoming-flight-data.ts";
import { encodeFlightDataHead } from "../../../../src/flight/flight-data-encoder.ts";
import { FLIGHT_METHODS } from "../../../../src/flight/methods.ts";
import type { CallHandler, ServerCall } from "../../../../src/grpc/call.ts";
import { type Served, serve } from "../../../support/grpc-peers.ts";

export interface FlightPeer extends Served {
  readonly client: FlightClient;
}

export type FlightHandlers = { readonly [Name in keyof typeof FLIGHT_METHODS]?: CallHandler };

export async function flightPeer(
  handlers: FlightHandlers,
  options: Partial<FlightClientOptions> = {},
): Promise<FlightPeer> {
  const served = await serve(
    Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        FLIGHT_METHODS[name as keyof FlightHandlers].path,
        handler,
      ]),
    ),
    // Its handlers answer without reserving memory first.
    { callsMemoryBytes: 1024 ** 3 },
  );
  const client = new FlightClient({ endpoint: `grpc://127.0.0.1:${served.port}`, ...options });
  onTestFinished(() => client.close());
  return { ...served, client };
}

/** Sends one FlightData with a body. */
export async function sendData(
  call: ServerCall,
  header: string,
  body: Buffer = Buffer.alloc(0),
  appMetadata = "",
): Promise<void> {
  const head = encodeFlightDataHead({
    dataHeader: Buffer.from(header),
    appMetadata: Buffer.from(appMetadata),
    bodySizeBytes: body.length,
  });
  await call.write([...head, body]);
}

/** All that an iterable gives. */
export async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** All messages, as text. */
export async function texts(
  messages: AsyncIterable<IncomingFlightData>,
): Promise<{ header: string; body: string; appMetadata: string }[]> {
  const found: { header: string; body: string; appMetadata: string }[] = [];
  for await (const message of messages) {
    const body = (await message.collect()).toString();
    found.push({
      header: message.dataHeader.toString(),
      body,
      appMetadata: message.appMetadata.toString(),
    });
  }
  return found;
}

export const PATH = { kind: "path", path: ["a", "s", "o"] } as const;
