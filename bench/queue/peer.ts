// One process of one system: it publishes, or works, as run.ts says, and answers with figures.

import { processorSeconds } from '../cache/peers.ts'
import type { Payload, Place } from './systems/system.ts'
import { systems } from './systems/systems.ts'

export type Task =
  | { do: 'publish'; count: number; callers: number }
  | { do: 'fill'; count: number }
  | { do: 'drain'; count: number }
  | { do: 'pace'; perSecond: number; forMs: number }
  | { do: 'work' }
  /** Delays in ms of the jobs handled since the last time. */
  | { do: 'delays' }

export interface Speed {
  perSecond: number
  p50: number
  p99: number
  /** Of this process, over time. */
  processor: number
}

const text = 'x'.repeat(230)
const fillEach = 500
/** Whoever is not done by then has done what it has done. */
const longestMs = 5000
const [name = '', placeJson = ''] = process.argv.slice(2)
const open = systems[name]
if (!open) throw new Error(`there is no system ${name}`)
const system = await open(JSON.parse(placeJson) as Place)
let handled = 0
let delays: number[] = []
let onHandled = () => {}
let isWorking = false

const now = () => performance.timeOrigin + performance.now()
const payload = (): Payload => ({ at: now(), text })

process.on('message', async (task: Task) => {
  process.send?.((await perform(task)) ?? null)
})
process.on('disconnect', () => process.exit())
process.send?.('open')

async function perform(task: Task): Promise<unknown> {
  switch (task.do) {
    case 'publish':
      return timed(async (note) => {
        const giveUpAt = performance.now() + longestMs
        let left = task.count
        const caller = async () => {
          while (left-- > 0) {
            const at = performance.now()
            await system.publish(payload())
            const ended = performance.now()
            note(ended - at)
            if (ended > giveUpAt) break
          }
        }
        await Promise.all(Array.from({ length: task.callers }, caller))
        return undefined
      })
    case 'fill':
      for (let left = task.count; left > 0; left -= fillEach)
        await system.publishMany(Array.from({ length: Math.min(left, fillEach) }, payload))
      return undefined
    case 'drain':
      return timed(async () => {
        const before = handled
        let timer: NodeJS.Timeout | undefined
        const done = new Promise<void>((resolve) => {
          onHandled = () => handled >= before + task.count && resolve()
          timer = setTimeout(resolve, longestMs)
        })
        await work()
        await done
        clearTimeout(timer)
        return handled - before
      })
    case 'pace':
      return pace(task.perSecond, task.forMs)
    case 'work':
      return work()
    case 'delays': {
      const sorted = delays.toSorted((a, b) => a - b)
      delays = []
      return { count: sorted.length, p50: at(sorted, 0.5), p99: at(sorted, 0.99), max: sorted.at(-1) ?? 0 }
    }
  }
}

async function work(): Promise<void> {
  if (isWorking) return
  isWorking = true
  await system.work(({ at }) => {
    handled++
    delays.push(now() - at)
    onHandled()
  })
}

/** Independent of how long each publish takes. */
async function pace(perSecond: number, forMs: number): Promise<void> {
  const beganAt = performance.now()
  const sent: Array<Promise<unknown>> = []
  for (let i = 0; ; ) {
    const elapsed = performance.now() - beganAt
    if (elapsed >= forMs) break
    for (; i < (elapsed / 1000) * perSecond; i++) sent.push(system.publish(payload()))
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000 / perSecond, 2)))
  }
  await Promise.all(sent)
}

/** `run` answers how many it did, when it did not note each. */
async function timed(run: (note: (ms: number) => void) => Promise<number | undefined>): Promise<Speed> {
  const took: number[] = []
  const usage = process.cpuUsage()
  const beganAt = performance.now()
  const count = (await run((ms) => took.push(ms))) ?? took.length
  const seconds = (performance.now() - beganAt) / 1000
  const sorted = took.toSorted((a, b) => a - b)
  return {
    perSecond: count / seconds,
    p50: at(sorted, 0.5),
    p99: at(sorted, 0.99),
    processor: processorSeconds(usage) / seconds,
  }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
