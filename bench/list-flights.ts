/**
 * Lists every object of a cache with this package's Flight client; its URI is one line of standard input.
 *
 * Prints what bench/list_flights.py prints.
 */
import { createInterface } from "node:readline";
import { FlightClient } from "../src/client/flight/flight-client.ts";

for await (const endpoint of createInterface({ input: process.stdin })) {
  const client = new FlightClient({ endpoint });
  const seen = new Set<string>();
  let objects = 0;
  for await (const { descriptor } of client.listFlights()) {
    objects += 1;
    if (descriptor?.kind === "path") seen.add(descriptor.path[0] ?? "");
  }
  console.log(JSON.stringify({ objects, distinct: seen.size, endedAt: Date.now() }));
  await client.close();
}
