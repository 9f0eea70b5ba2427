/**
 * Calls the API of the listener that served the page, with the token if there is one.
 *
 * A failed call is an ApiError with the code and the text of the problem document. An answer 401
 * makes the page ask for a token.
 */
import { askForToken, session } from "./session.ts";

export class ApiError extends Error {
  override readonly name = "ApiError";
  /** 0: the server was not reached. */
  readonly status: number;
  readonly code: string | undefined;

  constructor(status: number, code: string | undefined, text: string) {
    super(text);
    this.status = status;
    this.code = code;
  }

  /** True if this server has no such route, rather than no such object. */
  get isMissingRoute(): boolean {
    return (
      this.status === 405 || this.status === 501 || (this.status === 404 && /at this path/.test(this.message))
    );
  }
}

const PROBLEM_CHARACTERS_MAX = 100_000;

/** @throws {ApiError} @throws {DOMException} AbortError */
export async function call(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const { token } = session.value;
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const response = await fetch(path, { ...options, headers, redirect: "error", credentials: "omit" }).catch(
    (error: unknown) => {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, undefined, "The server cannot be reached.");
    },
  );
  if (response.ok) return response;
  if (response.status === 401) askForToken();
  throw await problemOf(response);
}

export async function getJson<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  const response = await call(path, { headers: { accept: "application/json" }, ...(signal && { signal }) });
  return (await response.json()) as Answer;
}

/** The first bytes of an answer, at most `bytesMax`. The rest is not read. */
export async function readBytes(
  response: Response,
  bytesMax: number,
): Promise<{ bytes: Uint8Array; isCut: boolean }> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    chunks.push(part.value);
    sizeBytes += part.value.length;
    if (sizeBytes > bytesMax) break;
  }
  await reader?.cancel();
  const bytes = new Uint8Array(sizeBytes);
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return { bytes: bytes.subarray(0, bytesMax), isCut: sizeBytes > bytesMax };
}

async function problemOf(response: Response): Promise<ApiError> {
  const text = (await response.text().catch(() => "")).slice(0, PROBLEM_CHARACTERS_MAX);
  try {
    const { code, detail, title } = JSON.parse(text) as Record<string, unknown>;
    return new ApiError(
      response.status,
      code === undefined ? undefined : String(code),
      String(detail ?? title),
    );
  } catch {
    return new ApiError(response.status, undefined, `The server answered with status ${response.status}.`);
  }
}
