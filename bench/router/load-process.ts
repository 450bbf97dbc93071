// A load process, from outside: started once and asked for one measurement after the other, so that its code stays
// compiled and its connections stay open from round to round.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withTimeout } from '../../src/base/limits.ts'
import type { Servers } from './servers.ts'
import type { Addresses, Way } from './ways.ts'

export interface LoadTerms {
  way: Way
  addresses: Addresses
}

export interface LoadOrder {
  clients: number
  seconds: number
}

export interface LoadOutcome {
  reads: number
  failures: number
  firstFailure: string | undefined
  tookSeconds: number
  p50Ms: number
  p99Ms: number
}

export interface LoadProcess {
  pid: number
  run(order: LoadOrder): Promise<LoadOutcome>
  /** May be called after it died. */
  stop(): Promise<void>
}

export const profileDir = join(tmpdir(), 'tenfold-bench-router')

const openMs = 20_000
/** How much longer than ordered a measurement may take. */
const graceMs = 20_000
const stopMs = 10_000

export async function startLoad(
  way: Way,
  servers: Servers,
  pgBouncerPort: number | undefined,
  isProfiled: boolean,
): Promise<LoadProcess> {
  const profile = ['--cpu-prof', `--cpu-prof-dir=${profileDir}`, `--cpu-prof-name=${way}.cpuprofile`]
  const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)), {
    execArgv: ['-C', 'source', ...(isProfiled ? profile : [])],
  })
  const ended = once(child, 'exit')
  const answer = async <T>(ms: number): Promise<T> => {
    const death = ended.then(([code]) => {
      throw new Error(`the load process of ${way} ended with ${code}`)
    })
    const [message] = await withTimeout(Promise.race([once(child, 'message'), death]), ms, `the load process of ${way}`)
    return message as T
  }
  const addresses = { ...servers.addresses, pgBouncerPort }
  child.send({ way, addresses } satisfies LoadTerms)
  await answer(openMs)
  return {
    pid: child.pid as number,
    run(order) {
      child.send(order)
      return answer<LoadOutcome>(order.seconds * 1000 + graceMs)
    },
    async stop() {
      if (child.connected) child.disconnect()
      await withTimeout(ended, stopMs, `the end of the load process of ${way}`).catch(() => child.kill('SIGKILL'))
    },
  }
}
