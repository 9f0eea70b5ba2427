/**
 * A replica in a process of its own with a proxy before its store. It can be killed at any moment,
 * or at a step of the protocol, and is started again.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { PassCounts } from "../../../src/storage/s3/garbage-collector.ts";
import { FaultProxy, type FaultProxyOptions, type ProxiedRequest } from "../../support/fault-proxy.ts";
import type { AskedCall, CallAnswer } from "./replica-calls.ts";
import type { ReplicaProcessOptions } from "./replica-process.ts";

export interface ReplicaOptions extends Omit<ReplicaProcessOptions, "endpoint"> {
  /** The bundled program (replica-process.ts). */
  readonly program: string;
  readonly proxy: Omit<FaultProxyOptions, "onStep">;
}

/** Where a replica is killed: "PUT manifest, after". */
export const KILL_STEPS = [
  "PUT blob",
  "PUT manifest",
  "GET manifest",
  "GET blob",
  "GET floor",
  "GET list",
].flatMap((step) => [`${step}, before`, `${step}, after`]);

export class Replica {
  readonly proxy: FaultProxy;
  /** How often it was killed, by step. */
  readonly kills: Record<string, number> = {};
  readonly removed: PassCounts = { reads: 0, removedBlobs: 0, removedTombstones: 0, expiredObjects: 0 };
  readonly #options: ReplicaOptions;
  readonly #calls = new Map<number, (answer: CallAnswer) => void>();
  #child!: ChildProcess;
  #ready!: Promise<void>;
  #serial = 0;
  #killStep: string | undefined;
  #isStopped = false;

  private constructor(options: ReplicaOptions, proxy: FaultProxy) {
    this.#options = options;
    this.proxy = proxy;
    this.#start();
  }

  static async start(options: ReplicaOptions): Promise<Replica> {
    let replica: Replica | undefined;
    const onStep: FaultProxyOptions["onStep"] = (request, moment) =>
      replica?.passStep(`${stepOf(request)}, ${moment}`) ?? false;
    replica = new Replica(options, await FaultProxy.start({ ...options.proxy, onStep }));
    await replica.#ready;
    return replica;
  }

  /** `unknown` if the replica is killed meanwhile. */
  async call(call: AskedCall): Promise<CallAnswer> {
    await this.#ready;
    this.#serial += 1;
    const id = this.#serial;
    return await new Promise((resolve) => {
      this.#calls.set(id, resolve);
      this.#child.send({ id, call }, () => {});
    });
  }

  /** @param step of KILL_STEPS at which it dies; absent: at once. */
  async kill(step?: string): Promise<void> {
    if (step !== undefined) this.#killStep = step;
    else await this.#killNow("at once");
  }

  /** @returns true if the request is lost, because the replica was killed there. */
  async passStep(step: string): Promise<boolean> {
    if (this.#killStep !== step) return false;
    await this.#killNow(step);
    return true;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#killNow("stop");
    await this.proxy.stop();
  }

  async #killNow(step: string): Promise<void> {
    this.#killStep = undefined;
    this.kills[step] = (this.kills[step] ?? 0) + 1;
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  #start(): void {
    const { program, proxy: _, ...options } = this.#options;
    const started: ReplicaProcessOptions = { ...options, endpoint: this.proxy.endpoint };
    const child = spawn(process.execPath, ["--enable-source-maps", program, JSON.stringify(started)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child = child;
    this.#ready = new Promise((resolve) => {
      child.on("message", (message: Message) => this.#take(message, resolve));
      child.once("exit", (code) => {
        assert(code === null, "a replica ends only when it is killed");
        for (const end of this.#calls.values()) end({ kind: "unknown" });
        this.#calls.clear();
        resolve();
        if (!this.#isStopped) this.#start();
      });
    });
  }

  #take({ id, answer, counts, isReady }: Message, ready: () => void): void {
    if (isReady) ready();
    if (id !== undefined && answer !== undefined) {
      this.#calls.get(id)?.(answer);
      this.#calls.delete(id);
    }
    if (counts === undefined) return;
    this.removed.reads += counts.reads;
    this.removed.removedBlobs += counts.removedBlobs;
    this.removed.removedTombstones += counts.removedTombstones;
  }
}

interface Message {
  readonly id?: number;
  readonly answer?: CallAnswer;
  readonly counts?: PassCounts;
  readonly isReady?: boolean;
}

function stepOf({ method, path }: ProxiedRequest): string {
  const isList = path.includes("list-type=2");
  const object = /\/floor(\?|$)/.test(path) ? "floor" : /\/d\//.test(path) ? "blob" : "manifest";
  return `${method} ${isList ? "list" : object}`;
}
