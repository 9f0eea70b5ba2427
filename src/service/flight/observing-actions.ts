/**
 * The actions for operators: WHY, STATS, TOP and LOG. Answers are JSON.
 *
 * WHY needs the verb `list` on its key, the others `admin` (actions.ts).
 */
import type { AccessControl } from "../../access/access-control.ts";
import { encodeResult } from "../../flight/messages.ts";
import { bytesOf, decodeText } from "../../flight/text.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { parseObjectKey } from "../../object/object-key.ts";
import { LogWatch, parseLogLevel } from "../admin/log-watch.ts";
import { whileAdmin } from "../lasting-permission.ts";
import type { ServiceContext } from "../service-context.ts";
import { answerTop } from "../top-answer.ts";
import { answerWhy } from "../why-answer.ts";
import type { CallTerms } from "./call-terms.ts";
import { credentialsOf } from "./handshake.ts";

/** Sends any number of answers, until the call is over or its caller may not make it any more. */
export type AnswerStream = (call: ServerCall, access: AccessControl) => Promise<void>;

export async function whyNamed(context: ServiceContext, body: Buffer, { facts }: CallTerms): Promise<string> {
  const name = decodeText(body, "the key");
  if (facts !== undefined) facts.key = name;
  return await answerWhy(context, parseObjectKey(name));
}

export async function topOfCache(context: ServiceContext): Promise<string> {
  return await answerTop(context);
}

export async function statsOfServer({ stats }: ServiceContext): Promise<string> {
  await stats.refresh();
  return JSON.stringify(stats.snapshot());
}

/** The body is a level; empty: info. */
export async function followLog(context: ServiceContext, body: Buffer): Promise<AnswerStream> {
  const level = parseLogLevel(decodeText(body, "the level") || "info");
  return async (call, access) => {
    call.mayIdle();
    const watch = new LogWatch(level);
    const ended = new AbortController();
    const end = (): void => ended.abort();
    let refusal: unknown;
    const letGo = whileAdmin({ access, credentials: credentialsOf(call) }, (error) => {
      refusal = error;
      end();
    });
    const sources = [call.signal, context.stopping];
    for (const source of sources) source.addEventListener("abort", end);
    if (sources.some(({ aborted }) => aborted)) end();
    try {
      for await (const lines of watch.batches(ended.signal)) {
        await call.writeAll(lines.map((line) => encodeResult(bytesOf(line))));
      }
      call.signal.throwIfAborted();
      if (refusal !== undefined) throw refusal;
    } finally {
      letGo();
      for (const source of sources) source.removeEventListener("abort", end);
      watch.close();
    }
  };
}
