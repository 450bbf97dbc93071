// Two levels, in the process and in Redis: ours beside bentocache with its Redis driver and bus, and beside what a good
// engineer writes by hand over lru-cache and the official client. One real redis-server, each cache in a process of its own,
// rounds in turns, calls per second of the process's processor time. Exit code 1 when a target is missed. Run: node -C source bench/cache/two-levels.ts [--rounds 5]

import { parseArgs } from 'node:util'
import { startTestRedis } from '../../src/programs/redis/testing.ts'
import { installPeers, judge, machine, measure, median, ratio } from './peers.ts'
import type { Answer, Speed } from './two-levels-peer.ts'

const targets = { bentocache: 3, 'by hand': 0.9 }
const names = ['tenfold', 'bentocache', 'by hand']

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const folder = await installPeers()
const rounds = new Map<string, Answer[]>(names.map((name) => [name, []]))
{
  await using redis = await startTestRedis({ memory: { bytesMax: 512 * 1024 * 1024, whenFull: 'allkeys-lfu' } })
  const peer = <T>(task: 'fill' | 'measure', name: string) =>
    measure<T>('two-levels-peer.ts', task, name, folder, String(redis.port), redis.secrets.app)
  for (const name of names) await peer<number>('fill', name)
  for (let i = 0; i < Number(values.rounds); i++)
    for (const name of names) rounds.get(name)?.push(await peer<Answer>('measure', name))
}

console.log(machine())
console.log('\n| cache | mix, k/s | mix, k/s of processor | far, k/s | far, k/s of processor | not far, % |')
console.log('|---|---|---|---|---|---|')
for (const [name, of] of rounds) {
  const thousands = (read: (answer: Answer) => number) => (median(of.map(read)) / 1000).toFixed(1)
  const speeds = [thousands((a) => a.mix.perSecond), thousands((a) => a.mix.perProcessorSecond)]
  speeds.push(
    thousands((a) => a.far.perSecond),
    thousands((a) => a.far.perProcessorSecond),
  )
  console.log(`| ${name} | ${speeds.join(' | ')} | ${median(of.map((a) => 100 * a.mix.nearShare)).toFixed(1)} |`)
}
console.log()
for (const name of names.slice(1)) {
  const target = targets[name as keyof typeof targets]
  judge(
    `mix, of ${name}`,
    ratioTo(name, ({ mix }) => mix),
    target,
  )
  judge(
    `far only, of ${name}`,
    ratioTo(name, ({ far }) => far),
  )
}

function ratioTo(name: string, speed: (answer: Answer) => Speed): number {
  return ratio(rounds.get('tenfold') ?? [], rounds.get(name) ?? [], (answer) => speed(answer).perProcessorSecond)
}
