/**
 * Decodes a table away from the page: a hostile stream can make an Arrow decoder work without end,
 * and then the page ends this worker (decode-table.ts).
 */
import { previewTable, type TablePreview } from "./table-rows.ts";

export interface DecodeRequest {
  readonly stream: Uint8Array;
  readonly rowsMax: number;
}

export type DecodeAnswer = { readonly table: TablePreview } | { readonly failure: string };

interface Port {
  onmessage: ((event: { readonly data: DecodeRequest }) => void) | null;
  postMessage(answer: DecodeAnswer): void;
}

const port = globalThis as unknown as Port;

port.onmessage = ({ data: { stream, rowsMax } }) => {
  try {
    port.postMessage({ table: previewTable(stream, rowsMax) });
  } catch (error) {
    port.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
};
