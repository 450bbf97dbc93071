// One command to a socket of HAProxy and its answer (management guide, 9.3 and 9.4). Each has a connection of its own: that
// is how HAProxy marks the end of an answer, and a unix socket costs nothing.

import { connect } from 'node:net'
import { TenfoldError } from '../../base/errors.ts'

const timeoutMs = 5000
/** `show stat` has about 600 bytes for each server. */
const answerBytesMax = 64 * 1024 * 1024

/**
 * @throws unavailable when nobody listens there or the answer breaks off, timeout, too-large. What HAProxy refuses it says in its
 * answer: `told` looks for that.
 */
export function command(socketPath: string, text: string): Promise<string> {
  if (/[\r\n]/.test(text)) throw new TenfoldError('bad-input', `a command is one line: ${JSON.stringify(text)}`)
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    const pieces: Buffer[] = []
    let bytes = 0
    const fail = (error: TenfoldError) => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(
      () => fail(new TenfoldError('timeout', `HAProxy did not answer \`${text}\` within ${timeoutMs} ms`)),
      timeoutMs,
    )
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece)
      bytes += piece.length
      if (bytes > answerBytesMax) fail(new TenfoldError('too-large', `the answer to \`${text}\` has no end`))
    })
    socket.on('error', (error) =>
      fail(new TenfoldError('unavailable', `HAProxy does not answer at ${socketPath}`, { cause: error })),
    )
    socket.on('end', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(pieces).toString('utf8'))
    })
    // The master waits for the end of what it is asked.
    socket.end(`${text}\n`)
  })
}

/** For commands that answer nothing, or `done`, when they are done. @throws program-failed with what HAProxy says instead. */
export async function told(socketPath: string, text: string, done = /^$/): Promise<void> {
  const answer = (await command(socketPath, text)).trim()
  if (!done.test(answer)) throw new TenfoldError('program-failed', `HAProxy refuses \`${text}\`: ${answer}`)
}
