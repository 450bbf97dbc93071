// The load, a process for each way: so many clients, each asking for its next note when it has the one before.
// It is forked by load-process.ts, gets its way and the addresses first, then one order after the other, and ends with
// its parent.

import { writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'
import type { LoadOrder, LoadOutcome, LoadTerms } from './load-process.ts'
import { notes } from './notes.ts'
import { openReader, type Reader } from './ways.ts'

/** Of one order; a longer one tells the percentiles of its first reads. */
const samplesMax = 2_000_000

const latenciesMs = new Float64Array(samplesMax)

process.once('message', async ({ way, addresses }: LoadTerms) => {
  const reader = await openReader(way, addresses)
  process.on('message', async (order: LoadOrder) => process.send?.(await runProfiled(reader, order)))
  process.once('disconnect', async () => {
    await reader.close()
    process.exit(0)
  })
  process.send?.('ready')
})

async function runProfiled(reader: Reader, order: LoadOrder): Promise<LoadOutcome> {
  if (order.profileFile === undefined) return run(reader, order)
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  const outcome = await run(reader, order)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  await writeFile(order.profileFile, JSON.stringify(profile))
  return outcome
}

async function run(reader: Reader, { clients, seconds }: LoadOrder): Promise<LoadOutcome> {
  let reads = 0
  let failures = 0
  let firstFailure: string | undefined
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  // The same walk through the notes for every way, far apart from one read to the next.
  let turn = 0
  const client = async () => {
    for (let sentAt = performance.now(); sentAt < endsAt; ) {
      turn = (turn + 7919) % notes.length
      const note = notes[turn] as (typeof notes)[number]
      try {
        const row = await reader.read(note)
        if (row?.['title'] !== note.title) throw new Error(`note ${note.id} came as ${JSON.stringify(row)}`)
      } catch (error) {
        failures++
        firstFailure ??= String(error)
      }
      const now = performance.now()
      if (reads < samplesMax) latenciesMs[reads] = now - sentAt
      reads++
      sentAt = now
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const tookSeconds = (performance.now() - startedAt) / 1000
  const sorted = latenciesMs.slice(0, Math.min(reads, samplesMax)).sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] as number
  return { reads, failures, firstFailure, tookSeconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}
