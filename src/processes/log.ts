// The log of a process: JSON lines on stdout, which is a file. A disk that is full costs lines, never the process.

import { type Logger, pino } from 'pino'

/** Lines that could not be written yet; beyond it they are dropped. */
const unwrittenBytesMax = 1024 * 1024

export function openLog(node: string): Logger {
  const stdout = pino.destination({ dest: 1, sync: true, maxLength: unwrittenBytesMax })
  // Without a listener the error of one line would end the process.
  stdout.on('error', () => {})
  return pino({ base: { node }, timestamp: pino.stdTimeFunctions.isoTime }, stdout)
}
