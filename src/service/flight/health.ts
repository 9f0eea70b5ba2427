/**
 * The methods of grpc.health.v1: Check answers, Watch answers again when the status changes.
 *
 * A server does not serve while it stops, and while its object store is out of reach: clients and
 * load balancers then use another server.
 */
import { CacheError } from "../../errors.ts";
import { decodeHealthRequest, encodeHealthResponse, type ServingStatus } from "../../flight/health.ts";
import { FLIGHT_SERVICE } from "../../flight/methods.ts";
import type { ServerCall } from "../../grpc/call.ts";
import type { ServiceContext } from "../service-context.ts";

export async function checkHealth(context: ServiceContext, request: Buffer): Promise<Uint8Array> {
  const status = statusOf(context, decodeHealthRequest(request));
  if (status === "serviceUnknown") throw new CacheError("OBJECT_NOT_FOUND", "no such service");
  return encodeHealthResponse(status);
}

/** Ends when the server stops. */
export async function watchHealth(context: ServiceContext, request: Buffer, call: ServerCall): Promise<void> {
  call.mayIdle();
  const service = decodeHealthRequest(request);
  let shown: ServingStatus | undefined;
  for (;;) {
    const status = statusOf(context, service);
    if (status !== shown) {
      await call.write([encodeHealthResponse(status)]);
      shown = status;
    } else {
      if (context.stopping.aborted) return;
      await change(context, call.signal);
      call.signal.throwIfAborted();
    }
  }
}

function statusOf({ stopping, reach }: ServiceContext, service: string): ServingStatus {
  if (service !== "" && service !== FLIGHT_SERVICE) return "serviceUnknown";
  return stopping.aborted || reach?.unreachable !== undefined ? "notServing" : "serving";
}

/** Resolves when the status may be another one, or the call ends. */
function change({ stopping, reach }: ServiceContext, ended: AbortSignal): Promise<void> {
  const signals = [ended, stopping];
  return new Promise((resolve) => {
    const end = (): void => {
      removeListener?.();
      for (const signal of signals) signal.removeEventListener("abort", end);
      resolve();
    };
    const removeListener = reach?.onChange(end);
    for (const signal of signals) signal.addEventListener("abort", end);
    if (signals.some((signal) => signal.aborted)) end();
  });
}
