// The JetStream engine beside the bare official client, on one real server: publishing one by one, 64 at once, and working a
// backlog off. The same durability: each job is stored before its publish resolves, under a name by which a second try is
// known; each one that was handled is acknowledged. Processes of their own, rounds in turns. Exit code 1 when a target is missed.
// Run: node -C source bench/queue/jetstream.ts [--rounds 5]

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startTestNats, type TestNats } from '../../src/programs/nats/testing.ts'
import { startTestDatabase } from '../../src/tiers/database/testing.ts'
import { queueSql } from '../../src/tiers/queue/engines/postgres/testing.ts'
import { judge, machine, median, ratio } from '../cache/peers.ts'
import type { Speed, Task } from './jetstream-peer.ts'

const target = 0.9
const names = ['tenfold', 'bare client'] as const
const tasks: Record<string, Task> = {
  'publish/s': { do: 'publish', count: 1500, callers: 1 },
  '64 at once/s': { do: 'publish', count: 15_000, callers: 64 },
  'process/s': { do: 'drain', count: 15_000 },
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const speeds = new Map<string, Speed[]>()
{
  await using database = await startTestDatabase({ sql: await queueSql() })
  await using nats = await startTestNats()
  for (const name of names) {
    await using peer = openPeer(name, nats, database.mapFile, database.server.secrets.app)
    for (const [what, task] of Object.entries(tasks))
      await peer.ask({ ...task, count: Math.ceil(task.count / 5) }, what)
  }
  for (let round = 0; round < Number(values.rounds); round++)
    for (const name of round % 2 ? names.toReversed() : names) {
      await using peer = openPeer(name, nats, database.mapFile, database.server.secrets.app)
      for (const [what, task] of Object.entries(tasks)) {
        await peer.ask({ ...task, count: Math.ceil(task.count / 10) }, what)
        const speed = await peer.ask(task, what)
        const key = `${name} ${what}`
        speeds.set(key, [...(speeds.get(key) ?? []), speed])
      }
    }
}

console.log(`${machine()}\n`)
console.log(`| | ${Object.keys(tasks).join(' | ')} |\n|---|---|---|---|`)
for (const name of names)
  console.log(`| ${[name, ...Object.keys(tasks).map((what) => whole(median(figures(name, what))))].join(' | ')} |`)
console.log()
for (const what of Object.keys(tasks)) {
  const of = (name: string) => speeds.get(`${name} ${what}`) ?? []
  judge(
    `${what}, of the bare client`,
    ratio(of('tenfold'), of('bare client'), ({ perSecond }) => perSecond),
    target,
  )
}

function figures(name: string, what: string): number[] {
  return (speeds.get(`${name} ${what}`) ?? []).map(({ perSecond }) => perSecond)
}

function openPeer(name: string, nats: TestNats, mapFile: string, databasePassword: string) {
  const place = { port: nats.port, password: nats.secrets.app, mapFile, databasePassword }
  const child = fork(new URL('jetstream-peer.ts', import.meta.url), [name, JSON.stringify(place)])
  const ended = new AbortController()
  child.once('exit', (code) => ended.abort(new Error(`${name} ended with ${code}`)))
  return {
    async ask(task: Task, what: string): Promise<Speed> {
      child.send(task)
      const [answer] = await once(child, 'message', { signal: ended.signal })
      if (!answer) throw new Error(`${name} did not answer ${what}`)
      return answer
    },
    async [Symbol.asyncDispose]() {
      child.disconnect()
      if (!ended.signal.aborted) await once(child, 'exit')
    },
  }
}

function whole(figure: number): string {
  return Math.round(figure).toLocaleString('en')
}
