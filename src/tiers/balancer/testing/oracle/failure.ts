// What an error of undici or of the operating system means for the request and for the server.

import { describeError } from '../../../../base/errors.ts'
import type { Failure } from './repeat.ts'

const localCodes = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])
const timeoutCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

export function failureOf(error: Error & { code?: string }, { wasSent }: { wasSent: boolean }): Failure {
  return { kind: kindOf(error, wasSent), wasSent, reason: describeError(error) }
}

function kindOf({ name, code = '' }: Error & { code?: string }, wasSent: boolean): Failure['kind'] {
  if (localCodes.has(code)) return 'local'
  if (timeoutCodes.has(code)) return 'timeout'
  // A closed pool: the server left the snapshot between being picked and being asked.
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED') return 'local'
  if (code === 'UND_ERR_INVALID_ARG') return 'unsendable'
  if (name === 'HTTPParserError' || code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') return 'bad-answer'
  return wasSent ? 'reset' : 'refused'
}
