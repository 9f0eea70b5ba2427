/**
 * The environment that servers and clients of a test are started with: this process's own, without what would
 * change how they behave (settings of the cache, log directives, proxies that gRPC would dial instead of loopback).
 */

const LEFT_OUT = /^(FLAME_.*|RUST_LOG|NODE_OPTIONS|.*_proxy|VITEST.*|NODE_ENV)$/i;

export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !LEFT_OUT.test(name));
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...more };
}
