/**
 * Attacks on the admin listener and the HTTP API: answers that nobody reads, bodies without an end, floods of small requests, and
 * connections that say nothing.
 */
import { makeStore } from "../../support/many-objects.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { ADMIN_LISTENER, complainIfDeaf, httpHead, openManyHttp } from "../http-connections.ts";

const MIB = 2 ** 20;
const CONNECTIONS = 120;
/** Every answer has more bytes in its head alone. */
const ANSWER_BYTES_MIN = 300;
const LARGE = "/v1/objects/attack/s/large";

async function putLarge({ target }: AttackRun): Promise<void> {
  const connection = new HonestConnection(target, "127.0.0.1", 60_000);
  await connection.put("attack/s/large", Buffer.alloc(32 * MIB, 1));
  connection.close();
}

/** Each connection asks for everything at once and reads nothing. */
async function askWithoutReading(run: AttackRun, requests: readonly string[], times: number): Promise<void> {
  const connections = await openManyHttp(run.target, CONNECTIONS, { isDeaf: true });
  const text = requests.map((request) => httpHead(request)).join("");
  await Promise.all(connections.map((connection) => connection.repeat(run, text, run.scaled(times))));
  await run.hold();
  await complainIfDeaf(run);
}

/** Each connection asks again and again, a few requests at once, and drops the answers. */
async function flood(run: AttackRun, requests: (round: number) => readonly string[]): Promise<void> {
  const connections = await openManyHttp(run.target, 32);
  let round = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (!run.isOver && !connection.isClosed) {
        const batch = requests(round++);
        await connection.ask(batch.join(""), batch.length * ANSWER_BYTES_MIN);
      }
    }),
  );
  const cameBytes = connections.reduce((sum, connection) => sum + connection.cameBytes, 0);
  run.note(`${round} batches of requests were sent, ${(cameBytes / MIB).toFixed(0)} MiB came back`);
  await complainIfDeaf(run);
}

/** A body in chunks of one byte, each with an extension. */
const DRIBBLED_CHUNK = Buffer.from(`1;${"x".repeat(200)}\r\na\r\n`.repeat(64));

async function putWithoutEnd(run: AttackRun): Promise<void> {
  const connections = await openManyHttp(run.target, CONNECTIONS);
  await Promise.all(
    connections.map(async (connection, index) => {
      const head = httpHead(`PUT /v1/objects/attack/s/o${index}`, "transfer-encoding: chunked");
      connection.socket.write(head);
      await connection.repeat(run, DRIBBLED_CHUNK);
    }),
  );
  run.note(
    `${connections.filter(({ isClosed }) => !isClosed).length} of ${connections.length} connections are open`,
  );
}

async function saySlowly(run: AttackRun): Promise<void> {
  const connections = await openManyHttp(run.target, run.scaled(2_000));
  const begun = [
    "GET / HTTP/1.1\r\nhost: a\r\nx: ",
    "PUT /v1/objects/a/s/o HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n",
  ];
  for (const [index, { socket }] of connections.entries()) socket.write(begun[index % 3] ?? "\r\n");
  while (run.secondsLeft > 5) {
    for (const { socket } of connections) if (!socket.destroyed) socket.write("x");
    await run.pause(1);
  }
  run.note(
    `${connections.filter(({ isClosed }) => !isClosed).length} of ${connections.length} connections are open`,
  );
  await complainIfDeaf(run);
}

const common = { configuration: [ADMIN_LISTENER] } as const;
const manyObjects = {
  fill: (directory: string, scale: number) =>
    makeStore({ directory, sessions: 10, objectsPerSession: Math.ceil(5_000 * scale), valueSizeBytes: 100 }),
} as const;

export const HTTP_LISTENERS: readonly Attack[] = [
  {
    name: "http-unread-gets",
    part: "memory",
    what: "120 HTTP connections pipeline gets of 32 MiB, lists and event streams, and read nothing",
    seconds: 12,
    ...common,
    prepare: putLarge,
    attack: (run) =>
      askWithoutReading(
        run,
        [
          `GET ${LARGE}`,
          "GET /v1/objects",
          "GET /v1/admin/events",
          "GET /v1/admin/log?level=trace",
          "GET /metrics",
        ],
        1,
      ),
  },
  {
    name: "http-unread-answers",
    part: "memory",
    what: "120 HTTP connections pipeline small requests without end and read nothing",
    seconds: 12,
    ...common,
    attack: (run) =>
      askWithoutReading(
        run,
        ["GET /metrics", "GET /v1/admin/stats", "GET /openapi.json", "GET /nothing", "GET /v1/admin/usage"],
        200_000,
      ),
  },
  {
    name: "http-bodies-without-end",
    part: "memory",
    what: "120 HTTP puts send chunks of one byte with long extensions, without an end",
    seconds: 12,
    ...common,
    attack: putWithoutEnd,
  },
  {
    name: "http-silent",
    part: "slots",
    what: "2,000 HTTP connections of 64 peers send a header or a body byte by byte",
    seconds: 16,
    ...common,
    attack: saySlowly,
  },
  {
    name: "http-distinct-names",
    part: "processor",
    what: "32 HTTP connections ask for paths, keys, prefixes and reasons that are different each time",
    seconds: 12,
    ...common,
    ...manyObjects,
    attack: (run) =>
      flood(run, (round) => {
        const name = `n${round}`;
        return [
          httpHead(`GET /${name}/${name}?${name}`),
          httpHead(`GET /v1/objects/${name}/s/o`),
          httpHead(`GET /v1/why/${name}/s/o`),
          httpHead(`GET /v1/objects?prefix=rl/&after=rl/session-0005/${name}&limit=1`),
        ];
      }),
  },
  {
    name: "http-one-byte-ranges",
    part: "processor",
    what: "32 HTTP connections ask for ranges of one byte of a large object, and for many ranges at once",
    seconds: 12,
    ...common,
    prepare: putLarge,
    attack: (run) =>
      flood(run, (round) => [
        httpHead(`GET ${LARGE}`, `range: bytes=${round * 99}-${round * 99}`),
        httpHead(`HEAD ${LARGE}`, `range: bytes=${"0-0,".repeat(1_000)}1-1`),
      ]),
  },
];
