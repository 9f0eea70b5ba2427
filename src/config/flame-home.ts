/**
 * The directories that configuration is looked for in: FLAME_HOME, by default `~/.flame`, and the user's home.
 *
 * An empty variable counts as one that is not set, here and for every other variable we read.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; undefined when it is not set or blank. */
export function readVariable(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === "" ? undefined : value;
}

export function userHome(env: Environment): string {
  return readVariable(env, "HOME") ?? homedir();
}

/** Absolute. */
export function flameHome(env: Environment): string {
  const home = readVariable(env, "FLAME_HOME");
  return home === undefined ? join(userHome(env), ".flame") : resolve(home);
}
