/**
 * Lists every object of a cache with this package's Flight client; its URI is one line of standard input.
 *
 * Prints what bench/list_flights.py prints.
 */
import { createInterface } from "node:readline";
import { FlightClient } from "../src/client/flight/flight-client.ts";

for await (const endpoint of createInterface({ input: process.stdin })) {
  const client = new FlightClient({ endpoint });
  const names: (string | undefined)[] = [];
  for await (const { descriptor } of client.listFlights()) {
    names.push(descriptor?.kind === "path" ? descriptor.path[0] : undefined);
  }
  // Behind the last answer: to find what came twice is not part of a list.
  const endedAt = Date.now();
  console.log(JSON.stringify({ objects: names.length, distinct: new Set(names).size, endedAt }));
  await client.close();
}
