// What a server writes while it starts, and why it ended, read from that.

import { open } from 'node:fs/promises'
import { TenfoldError } from '../base/errors.ts'
import type { ServerFiles, ServerProgram } from './find-server.ts'

/** Where a server is told to listen: for its clients, and for other servers where it has such. */
export interface Listening {
  address: string
  ports: readonly number[]
}

const bytesReadMax = 64 * 1024
const linesShown = 8

/** With the end of what comes from now on. The caller closes the file. @throws disk-full, program-failed. */
export async function openServerLog(path: string, mode: number) {
  const file = await open(path, 'a+', mode).catch((error: NodeJS.ErrnoException) => {
    const code = error.code === 'ENOSPC' ? 'disk-full' : 'program-failed'
    throw new TenfoldError(code, `cannot write the server's log ${path}`, { cause: error })
  })
  const { size } = await file.stat()
  return {
    file,
    async readNew(): Promise<string> {
      const end = (await file.stat()).size
      const start = Math.max(size, end - bytesReadMax)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
      return buffer.toString('utf8', 0, bytesRead)
    },
  }
}

export function explainExit(
  output: string,
  { program, files, listensAt }: { program: ServerProgram; files: ServerFiles; listensAt: Listening },
): TenfoldError {
  const { dir, log } = files
  const { address, ports } = listensAt
  const lines = output.trim().split('\n').slice(-linesShown).join('\n')
  const make = (code: 'port-taken' | 'disk-full' | 'program-failed', message: string) =>
    new TenfoldError(code, `${message}. Its log (${log}) ends with:\n${lines}`, { details: { dir, ...listensAt } })
  if (/address already in use/i.test(output))
    return make('port-taken', `another program listens on ${address}:${ports.join(' or :')}, ${program.name} cannot`)
  if (/no space left on device|disk quota exceeded/i.test(output))
    return make('disk-full', `the disk that holds ${dir} is full; free some space and start again`)
  return make('program-failed', `${program.name} in ${dir} did not start`)
}
