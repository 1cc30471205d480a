import { ERROR_STATUS, type ErrorCode } from "../protocol/errors.ts";

export interface ErrorDetail {
  path: string;
  message: string;
}

export interface RefusalOptions {
  details?: ErrorDetail[];
  /** After how many seconds the caller may try again; becomes `Retry-After`. */
  retryAfterSeconds?: number;
  /** For the log alone; never leaves the Worker. */
  internal?: string;
}

/**
 * The one error that services throw: a code of the closed set and a sentence that a person outside may read.
 *
 * Anything else that is thrown is a defect or a fault, and is answered as INTERNAL without its text.
 */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetail[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly internal: string | undefined;

  constructor(code: ErrorCode, sentence: string, options: RefusalOptions = {}) {
    super(sentence);
    this.name = "Refusal";
    this.code = code;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.internal = options.internal;
  }

  get status() {
    return ERROR_STATUS[this.code];
  }
}

/** The answer to anything that does not exist or that the caller may not even see. */
export const notFound = (what: string) => new Refusal("NOT_FOUND", `There is no such ${what}.`);

/** A field of the body names something that does not exist. */
export const noSuch = (path: string, what: string) =>
  new Refusal("NOT_FOUND", `There is no such ${what}.`, { details: [{ path, message: `there is no such ${what}` }] });

/** A value of one field is refused. */
export const invalid = (path: string, message: string) =>
  new Refusal("VALIDATION", `${path}: ${message}`, { details: [{ path, message }] });
