import type { ErrorCode } from "../../protocol/errors.ts";

/** A refusal with its code and a sentence for the user. */
export class OperationError extends Error {
  override name = "OperationError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
