/**
 * Errors that end an HTTP/2 connection, and their codes.
 *
 * RST_STREAM uses the same codes for single streams; this class is only for the whole connection.
 * Source: RFC 9113, 5.4.1 and 7.
 */

export const HTTP2_ERROR_CODES = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

export type Http2ErrorCode = keyof typeof HTTP2_ERROR_CODES;

/** A connection error. Its code and text go into GOAWAY before the connection is closed. */
export class Http2Error extends Error {
  override readonly name = "Http2Error";
  readonly code: Http2ErrorCode;

  /** @param text what the peer did wrong, as a sentence without the code */
  constructor(code: Http2ErrorCode, text: string) {
    super(`${code}: ${text}`);
    this.code = code;
  }
}
