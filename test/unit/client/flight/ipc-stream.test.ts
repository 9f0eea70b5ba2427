/**
 * FlightData as IPC streams and back: with streams and files that pyarrow made, and with apache-arrow.
 */
import { tableFromIPC as readWithFlechette } from "@uwdata/flechette";
import { tableFromArrays, tableFromIPC, tableToIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { readFlightData } from "../../../../src/client/flight/incoming-flight-data.ts";
import { flightToIpc, ipcToFlight } from "../../../../src/client/flight/ipc-stream.ts";
import { encodeFlightDataHead } from "../../../../src/flight/flight-data-encoder.ts";
import type { CallHandler } from "../../../../src/grpc/call.ts";
import { GOLDEN, goldenFile, goldenStream, splitStream } from "../../arrow/golden.ts";
import { all, flightPeer, PATH, sendData } from "./flight-peer.ts";

/** Each message back as it came, and one of app_metadata alone between them. */
const echo: CallHandler = async (call) => {
  for await (const message of readFlightData(call.requests)) {
    const { dataHeader, bodySizeBytes } = message;
    await call.write([...encodeFlightDataHead({ dataHeader, bodySizeBytes }), await message.collect()]);
    await sendData(call, "", undefined, "between");
  }
};

/** The stream that comes back when these bytes are sent as FlightData. */
async function sentAndBack(bytes: Uint8Array): Promise<Buffer> {
  const { client } = await flightPeer({ DoExchange: echo });
  return Buffer.concat(await all(flightToIpc(client.doExchange(PATH, ipcToFlight(bytes)))));
}

describe("an IPC stream", () => {
  it.each(Object.keys(GOLDEN.streams))("goes through Flight and is the same messages: %s", async (name) => {
    const stream = goldenStream(name);
    const back = splitStream(await sentAndBack(stream));
    const sent = splitStream(stream);
    expect(back).toHaveLength(sent.length);
    for (const [index, { header, body }] of sent.entries()) {
      // What pads a header may differ.
      expect(back[index]?.header.subarray(0, header.length)).toEqual(header);
      expect(back[index]?.body).toEqual(body);
    }
  });

  it.each(Object.keys(GOLDEN.files))("that was a file holds the same table: %s", async (name) => {
    const file = goldenFile(name);
    const rowsOf = (bytes: Buffer) => readWithFlechette(new Uint8Array(bytes)).toArray();
    expect(rowsOf(await sentAndBack(file))).toEqual(rowsOf(file));
  });

  it("is what apache-arrow writes and reads", async () => {
    const table = tableFromArrays({ n: Int32Array.of(1, 2, 3), text: ["a", "b", "c"] });
    const { client } = await flightPeer({ DoExchange: echo });
    const messages = ipcToFlight(tableToIPC(table, "stream"));
    const back = await tableFromIPC(flightToIpc(client.doExchange(PATH, messages)));
    expect(back.toArray().map(String)).toEqual(table.toArray().map(String));
  });

  it.each([
    ["no Arrow message", "header", Buffer.from("body")],
    [
      "of a size that its header does not say",
      splitStream(goldenStream("numbers"))[1]!.header,
      Buffer.alloc(8),
    ],
  ])("is not made of a message that is %s", async (_, header, body) => {
    const { client } = await flightPeer({
      DoGet: async (call) => {
        const head = encodeFlightDataHead({ dataHeader: Buffer.from(header), bodySizeBytes: body.length });
        await call.write([...head, body]);
      },
    });
    await expect(all(flightToIpc(client.doGet("ticket")))).rejects.toMatchObject({ code: "INVALID_IPC" });
  });

  it.each([Buffer.alloc(0), Buffer.from("no Arrow"), goldenStream("numbers").subarray(0, 100)])(
    "cannot be read from what is none",
    (bytes) => {
      expect(() => ipcToFlight(bytes)).toThrow(expect.objectContaining({ code: "INVALID_IPC" }));
    },
  );
});
