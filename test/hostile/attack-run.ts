/**
 * What an attack is, and what it is given when it runs.
 *
 * An attack runs in a process of its own, at a low priority, so that it takes the server's time and not the machine's. It is
 * bounded in number by itself and in time by its `seconds`, after which its process is ended: that is the attack's end.
 */
import { spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { HonestPlan } from "./honest-plan.ts";

/** Where the attacked server is; crosses to the attack's process as JSON. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Of the admin listener, if the attack's configuration has one. */
  readonly adminPort?: number;
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT` */
  readonly endpoint: string;
  /** PEM; the server speaks TLS. */
  readonly certificate?: string;
  /** Of an interpreter with pyarrow. */
  readonly python?: string;
  /** How much of the attack is to be done, 0 to 1: short runs take numbers times this. */
  readonly scale: number;
}

export interface Attack {
  /** kebab-case; what `run-attack.ts` takes. */
  readonly name: string;
  readonly part: "memory" | "processor" | "slots" | "room";
  /** One line for people. */
  readonly what: string;
  /** How long it lasts, once it is prepared. */
  readonly seconds: number;
  readonly needs?: "tls" | "pyarrow";
  /** Lines under `cache:` of the server's configuration. */
  readonly configuration?: readonly string[];
  /** How the honest client differs from what it does otherwise. */
  readonly honest?: Partial<HonestPlan>;
  /** Fills the storage directory before the server starts. */
  fill?(directory: string, scale: number): Promise<void>;
  /** Brings the server where the attack begins; not measured. */
  prepare?(run: AttackRun): Promise<void>;
  attack(run: AttackRun): Promise<void>;
}

export class AttackRun {
  readonly target: Target;
  readonly #seconds: number;
  readonly #tell: (message: AttackMessage) => void;
  #endsMs = Number.POSITIVE_INFINITY;

  constructor(target: Target, seconds: number, tell: (message: AttackMessage) => void) {
    this.target = target;
    this.#seconds = seconds;
    this.#tell = tell;
  }

  begin(): void {
    this.#endsMs = performance.now() + this.#seconds * 1000;
  }

  /** A number of the attack, made smaller in short runs. */
  scaled(count: number): number {
    return Math.max(1, Math.round(count * this.target.scale));
  }

  get secondsLeft(): number {
    return (this.#endsMs - performance.now()) / 1000;
  }

  get isOver(): boolean {
    return this.secondsLeft <= 0;
  }

  /** Something to be printed beside the figures. */
  note(text: string): void {
    this.#tell({ kind: "note", text });
  }

  /** What the server should not have done; the verdict then says no. */
  complain(text: string): void {
    this.#tell({ kind: "complaint", text });
  }

  /** A Python program of this folder's python/ with its plan as JSON; what it prints are notes. Ends with the attack. */
  python(program: string, plan: object): void {
    const file = fileURLToPath(new URL(`./python/${program}`, import.meta.url));
    const child = spawn(this.target.python ?? "python3", [file, JSON.stringify(plan)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdout.on("data", (text: Buffer) => this.note(text.toString().trim()));
    process.on("exit", () => void child.kill("SIGKILL"));
  }

  /** Keeps everything as it is until the attack's time is over. */
  async hold(): Promise<void> {
    await this.pause(this.secondsLeft);
  }

  async pause(seconds: number): Promise<void> {
    await setTimeout(Math.max(0, seconds * 1000));
  }
}

/** What an attack's process tells. */
export type AttackMessage =
  | { readonly kind: "prepared" | "over" }
  | { readonly kind: "note" | "complaint"; readonly text: string };
