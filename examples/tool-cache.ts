/**
 * An agent's tool-result cache, in TypeScript: the same keys and the same results as examples/tool_cache.py.
 *
 *     npx tsx examples/tool-cache.ts
 *
 * What one agent has asked a tool is known to all, in either language. Needs a cache: FLAME_CACHE_ENDPOINT, or
 * grpc://127.0.0.1:9090.
 */
import { createHash } from "node:crypto";
import { CacheError, FlameCache } from "flame-object-cache/client";

const SESSION = "example-tool-cache/results";

type Arguments = Readonly<Record<string, string>>;

/** The same in every language: JSON with sorted names and no blanks, hashed. */
function keyOf(tool: string, args: Arguments): string {
  const sorted = Object.fromEntries(Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1)));
  const text = JSON.stringify([tool, sorted]);
  return `${SESSION}/${createHash("sha256").update(text).digest("hex")}`;
}

async function cached<Args extends Arguments>(
  cache: FlameCache,
  tool: (args: Args) => Promise<unknown>,
  args: Args,
): Promise<unknown> {
  const key = keyOf(tool.name, args);
  const call = `${tool.name}(${JSON.stringify(args)})`;
  try {
    const result = await cache.get(key);
    console.log(`${call} was known`);
    return result;
  } catch (error) {
    if (!(error instanceof CacheError && error.code === "OBJECT_NOT_FOUND")) throw error;
  }
  const result = await tool(args);
  await cache.put(key, result);
  console.log(`${call} was called`);
  return result;
}

/** Stands for a slow and costly call. */
async function weather({ city }: { city: string }): Promise<unknown> {
  return { city, celsius: 10 + city.length, sky: ["clear", "cloudy"][city.length % 2] };
}

const cache = await FlameCache.connect();
for (const city of ["Oslo", "Lisbon", "Oslo"]) console.log(await cached(cache, weather, { city }));
await cache.close();
