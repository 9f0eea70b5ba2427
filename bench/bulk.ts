/**
 * Puts and gets of each size with pyarrow's client (client.py): starts it, collects its blocks, sums them up.
 */
import type { Processes, Server } from "./processes.ts";
import { linesOf } from "./processes.ts";
import { ratioByRound, type Summary, summarize } from "./statistics.ts";

export type Operation = "put" | "get";
export const OPERATIONS: readonly Operation[] = ["put", "get"];

export interface BulkPlan {
  readonly rounds: number;
  readonly form: "table" | "opaque";
  /** Where the client writes and reads bare files, as one more "server", the last. */
  readonly bareFilesDirectory: string;
  /** Small puts and gets that each server is given before anything is measured. */
  readonly warmUpCalls: number;
  /** How many calls of a size make one block of a round. */
  readonly sizes: readonly { readonly sizeBytes: number; readonly calls: number }[];
}

interface Block {
  readonly server: string;
  readonly operation: Operation;
  readonly sizeBytes: number;
  readonly round: number;
  readonly seconds: readonly number[];
  readonly serverCpuSeconds: number;
}

/** Times in milliseconds. */
export interface BulkResult {
  readonly server: string;
  readonly operation: Operation;
  readonly sizeBytes: number;
  readonly timeMs: Summary;
  /** Time of this server by the time of the first one, the peer. */
  readonly timeRatio: number;
  /** CPU time the server spent on one call. */
  readonly serverCpuMs: number;
}

const millisecondsOf = (blocks: readonly Block[]): number[][] =>
  blocks.map((block) => block.seconds.map((seconds) => seconds * 1000));

function sumUp(blocks: readonly Block[], peerBlocks: readonly Block[]): BulkResult {
  const [first] = blocks;
  if (first === undefined) throw new Error("the client has measured nothing");
  const rounds = millisecondsOf(blocks);
  const cpuSeconds = blocks.reduce((sum, block) => sum + block.serverCpuSeconds, 0);
  return {
    server: first.server,
    operation: first.operation,
    sizeBytes: first.sizeBytes,
    timeMs: summarize(rounds),
    timeRatio: ratioByRound(rounds, millisecondsOf(peerBlocks)),
    serverCpuMs: (cpuSeconds * 1000) / rounds.flat().length,
  };
}

/** @param servers the peer first */
export async function measureBulk(
  processes: Processes,
  python: string,
  servers: readonly Server[],
  { bareFilesDirectory, ...plan }: BulkPlan,
): Promise<BulkResult[]> {
  const clients = [
    ...servers.map(({ name, address, pid }) => ({ name, pid, uri: `grpc://${address}` })),
    { name: "bare files", directory: bareFilesDirectory },
  ];
  const child = processes.start(python, ["bench/client.py", JSON.stringify({ ...plan, servers: clients })]);
  const blocks: Block[] = [];
  for await (const line of linesOf(child)) blocks.push(JSON.parse(line) as Block);
  return plan.sizes.flatMap(({ sizeBytes }) =>
    OPERATIONS.flatMap((operation) => {
      const alike = blocks.filter((block) => block.sizeBytes === sizeBytes && block.operation === operation);
      const byServer = clients.map(({ name }) => alike.filter((block) => block.server === name));
      return byServer.map((own) => sumUp(own, byServer[0] ?? []));
    }),
  );
}
