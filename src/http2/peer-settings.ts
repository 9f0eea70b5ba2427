/**
 * The settings of the peer, checked.
 *
 * Source: RFC 9113, 6.5.2.
 */
import { DEFAULT_FRAME_BYTES_MAX, SETTING, UINT31_MAX } from "./frame.ts";
import { Http2Error } from "./http2-error.ts";

const ENTRY_BYTES = 6;
const FRAME_BYTES_LIMIT = 2 ** 24 - 1;
const DEFAULT_WINDOW_BYTES = 65_535;
/** Default size of a header table, bytes. */
const DEFAULT_TABLE_BYTES = 4096;

export class PeerSettings {
  /** Initial send window of a new stream, bytes. */
  windowBytes = DEFAULT_WINDOW_BYTES;
  /** Largest frame the peer accepts, bytes. */
  frameBytesMax = DEFAULT_FRAME_BYTES_MAX;
  /** True if the peer reduced its table and expects a size update in our next header block. */
  isTableUpdateDue = false;

  /**
   * Applies a SETTINGS payload. @throws {Http2Error} FRAME_SIZE_ERROR, PROTOCOL_ERROR,
   * FLOW_CONTROL_ERROR
   */
  apply(payload: Buffer): void {
    if (payload.length % ENTRY_BYTES !== 0)
      throw new Http2Error("FRAME_SIZE_ERROR", "the length of SETTINGS is not a multiple of six");
    for (let at = 0; at < payload.length; at += ENTRY_BYTES) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
  }

  #set(id: number, value: number): void {
    if (id === SETTING.HEADER_TABLE_SIZE) {
      this.isTableUpdateDue ||= value < DEFAULT_TABLE_BYTES;
    } else if (id === SETTING.ENABLE_PUSH) {
      if (value > 1) throw new Http2Error("PROTOCOL_ERROR", "ENABLE_PUSH is not 0 or 1");
    } else if (id === SETTING.INITIAL_WINDOW_SIZE) {
      if (value > UINT31_MAX)
        throw new Http2Error("FLOW_CONTROL_ERROR", "INITIAL_WINDOW_SIZE exceeds 2^31-1");
      this.windowBytes = value;
    } else if (id === SETTING.MAX_FRAME_SIZE) {
      if (value < DEFAULT_FRAME_BYTES_MAX || value > FRAME_BYTES_LIMIT) {
        throw new Http2Error("PROTOCOL_ERROR", "MAX_FRAME_SIZE is out of range");
      }
      this.frameBytesMax = value;
    }
  }
}
