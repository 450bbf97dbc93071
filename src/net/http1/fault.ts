// A fault of ours, or of a handler, in one request: told, and never the end of the process.

import { describeError } from '../../base/errors.ts'

export function warnOfFault(error: unknown): void {
  process.emitWarning(`a request failed inside the HTTP engine: ${describeError(error)}`, { code: 'TENFOLD_HTTP1' })
}
