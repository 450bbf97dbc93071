// Two levels, in the process and in Redis: ours beside bentocache with its Redis driver and bus, and beside what a good
// engineer writes by hand over lru-cache and the official client. One real redis-server, each cache in a process of its own,
// short rounds in turns, calls for each second of the process's own processor time. Exit code 1 when a target is missed.
// Run: node -C source bench/cache/two-levels.ts [--rounds 7]

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startTestRedis, type TestRedis } from '../../src/programs/redis/testing.ts'
import { installPeers, judge, machine, median, ratio } from './peers.ts'
import type { Speed, Task } from './two-levels-peer.ts'

const targets = { bentocache: 3, 'by hand': 0.9 }
const names = ['tenfold', 'bentocache', 'by hand']
const callsEachRound = { mix: 50_000, far: 3000 }
/** Not measured. A server runs for long: by then all code is compiled and the near level is full. */
const warmUpCalls = 300_000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } })
const folder = await installPeers()
const far = new Map<string, Speed[]>(names.map((name) => [name, []]))
const mix = new Map<string, Speed[]>(names.map((name) => [name, []]))
{
  await using redis = await startTestRedis({ memory: { bytesMax: 512 * 1024 * 1024, whenFull: 'allkeys-lfu' } })
  for (const name of names) {
    using peer = openPeer(name, redis)
    await peer.ask({ of: 'all', from: 0, to: 100_000 })
  }
  const peers = names.map((name) => openPeer(name, redis))
  try {
    for (const peer of peers) await peer.ask({ of: 'mix', from: 0, to: warmUpCalls })
    await inTurns('mix', mix, warmUpCalls)
    await inTurns('far', far, 0)
  } finally {
    for (const peer of peers) peer[Symbol.dispose]()
  }

  async function inTurns(of: 'mix' | 'far', speeds: Map<string, Speed[]>, first: number): Promise<void> {
    for (let i = 0; i < Number(values.rounds); i++)
      for (const peer of peers) {
        const from = first + i * callsEachRound[of]
        const speed = await peer.ask({ of, from, to: from + callsEachRound[of] })
        if (speed.loads > 0) throw new Error(`${peer.name}: ${speed.loads} values were in neither level`)
        speeds.get(peer.name)?.push(speed)
      }
  }
}

console.log(machine())
console.log('\n| cache | mix, k/s | mix, k/s of processor | not far, % | far, k/s | far, k/s of processor |')
console.log('|---|---|---|---|---|---|')
for (const name of names) {
  const of = (speeds: Map<string, Speed[]>, read: (speed: Speed) => number, per: number) =>
    (median((speeds.get(name) ?? []).map(read)) / per).toFixed(1)
  const [wall, processor] = [(speed: Speed) => speed.perSecond, (speed: Speed) => speed.perProcessorSecond]
  const cells = [of(mix, wall, 1000), of(mix, processor, 1000), of(mix, ({ nearShare }) => nearShare, 0.01)]
  console.log(`| ${[name, ...cells, of(far, wall, 1000), of(far, processor, 1000)].join(' | ')} |`)
}
console.log()
for (const name of names.slice(1)) {
  const target = targets[name as keyof typeof targets]
  judge(`mix, of ${name}`, ratioTo(name, mix), target)
  judge(`far only, of ${name}`, ratioTo(name, far))
}

function ratioTo(name: string, speeds: Map<string, Speed[]>): number {
  return ratio(speeds.get('tenfold') ?? [], speeds.get(name) ?? [], ({ perProcessorSecond }) => perProcessorSecond)
}

function openPeer(name: string, redis: TestRedis) {
  const script = new URL('two-levels-peer.ts', import.meta.url)
  const child = fork(script, [name, folder, String(redis.port), redis.secrets.app])
  const ended = new AbortController()
  child.once('exit', (code) => ended.abort(new Error(`${name} ended with ${code}`)))
  return {
    name,
    async ask(task: Task): Promise<Speed> {
      child.send(task)
      const [answer] = await once(child, 'message', { signal: ended.signal })
      return answer
    },
    [Symbol.dispose]() {
      child.kill()
    },
  }
}
