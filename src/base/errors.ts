// Every failure that Tenfold reports: one class, a code from a closed list, the values as fields.
// Callers act on `code`; the message is for people: what failed, with which value, what to do.

export const errorCodes = [
  'bad-input', // the caller sent something that can never work
  'bad-topology', // the topology file does not hold
  'not-found',
  'unauthorized',
  'conflict', // the state forbids it now: a climb runs, a name is taken
  'too-large',
  'program-missing', // a real server that we start is not installed
  'program-failed', // it is installed and would not start, or died
  'port-taken',
  'disk-full',
  'not-running', // no system runs for this app
  'not-built', // a rung or an engine that this version does not have
  'step-failed', // a step of a plan could not be finished
  'unavailable', // nobody can answer now; try again
  'timeout',
  'overloaded', // a bounded queue is full
  'outcome-unknown', // a write was sent and its result was lost
  'closed', // used after close
] as const

export type ErrorCode = (typeof errorCodes)[number]

export class TenfoldError extends Error {
  override name = 'TenfoldError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}

export function isTenfoldError(error: unknown, code?: ErrorCode): error is TenfoldError {
  return error instanceof TenfoldError && (code === undefined || error.code === code)
}

/** The one JSON shape in which every server of ours reports an error. */
export interface ErrorBody {
  error: { code: string; message: string; details?: Readonly<Record<string, unknown>> }
}

const statusByCode: Partial<Record<ErrorCode, number>> = {
  'bad-input': 400,
  'bad-topology': 400,
  unauthorized: 401,
  'not-found': 404,
  'not-built': 400,
  conflict: 409,
  'too-large': 413,
  unavailable: 503,
  overloaded: 503,
  timeout: 504,
  'disk-full': 507,
}

/** The HTTP status that a code stands for; 500 where the fault is ours. */
export function statusOf(error: unknown): number {
  return (isTenfoldError(error) && statusByCode[error.code]) || 500
}

/** One line about any thrown value, with its chain of causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.message || ('code' in error ? String(error.code) : error.name)
  return error.cause === undefined ? own : `${own} (${describeError(error.cause)})`
}
