// `haproxy -c`: whether a configuration holds, before anything that runs is touched.

import { spawn } from 'node:child_process'
import { BoundSocket } from 'node:net'
import { TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import type { HaproxyBinary } from './binary.ts'
import { firstDescriptor } from './launch.ts'

const timeoutMs = 10_000
const outputCharsMax = 64 * 1024
const linesShown = 8

/**
 * `descriptors`: how many inherited sockets it may name. HAProxy looks whether they are sockets; which ones does not matter, so
 * that whoever no longer has them can check all the same.
 * @throws bad-input with what HAProxy says of it, program-failed when it does not run.
 */
export async function checkConfiguration(
  { path }: HaproxyBinary,
  file: string,
  { descriptors }: { descriptors: number },
): Promise<void> {
  const sockets = Array.from({ length: descriptors }, () => new BoundSocket({ host: '127.0.0.1', port: 0 }))
  try {
    const child = spawn(path, ['-c', '-f', file], {
      stdio: ['ignore', 'pipe', 'pipe', ...sockets.map((socket) => socket.fd())],
      timeout: timeoutMs,
    })
    let output = ''
    const collect = (piece: Buffer) => {
      if (output.length < outputCharsMax) output += piece.toString()
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    const code = await withTimeout(
      new Promise<number | null>((resolve, reject) => {
        child.once('error', (error) =>
          reject(new TenfoldError('program-failed', `cannot run ${path}`, { cause: error })),
        )
        child.once('close', resolve)
      }),
      2 * timeoutMs,
      `the check of ${file}`,
    )
    if (code === 0) return
    const alerts = output.split('\n').filter((line) => /ALERT/.test(line))
    const said = (alerts.length > 0 ? alerts : output.split('\n')).slice(0, linesShown).join('\n')
    throw new TenfoldError('bad-input', `HAProxy does not take ${file}:\n${said}`, { details: { file } })
  } finally {
    for (const socket of sockets) socket.close()
  }
}

/** The name of the nth inherited socket in a configuration. */
export function descriptorName(index: number): string {
  return `fd@${firstDescriptor + index}`
}
