// A load process, from outside: started once and asked for one measurement after the other, so that its code stays
// compiled and its connections stay open from round to round.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { withTimeout } from '../../src/base/limits.ts'
import type { Addresses, Way } from './ways.ts'

export interface LoadTerms {
  way: Way
  addresses: Addresses
}

export interface LoadOrder {
  clients: number
  seconds: number
  /** V8's profile of it goes there. */
  profileFile?: string
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

const openMs = 20_000
/** How much longer than ordered a measurement may take. */
const graceMs = 20_000
const stopMs = 10_000

export async function startLoad(way: Way, addresses: Addresses): Promise<LoadProcess> {
  const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)), { execArgv: ['-C', 'source'] })
  const ended = once(child, 'exit')
  const answer = async <T>(ms: number): Promise<T> => {
    const death = ended.then(([code]) => {
      throw new Error(`the load process of ${way} ended with ${code}`)
    })
    const [message] = await withTimeout(Promise.race([once(child, 'message'), death]), ms, `the load process of ${way}`)
    return message as T
  }
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
