/**
 * How many threads serve the connections of the servers that tests start: 1, or what the run with threads says.
 *
 * vitest.config.ts runs the tests that talk to a server a second time with it, where Node can share a port out.
 */
export const SERVING_THREADS = Number(process.env.TEST_THREADS ?? 1);
