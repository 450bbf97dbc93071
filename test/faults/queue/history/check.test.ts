// The checker finds each violation that is planted in runs of a queue that keeps its promises, and nothing in the runs as they are.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../../../src/base/random.ts'
import { check, type Terms, type ViolationKind } from './check.ts'
import type { AskedJob, Run } from './run.ts'

const seeds = 40
const tellMsMax = 50

test('runs that keep the promises hold: killed, failed, and troubled ones come again', () => {
  for (let seed = 0; seed < seeds; seed++) {
    const { violations, figures } = check(goodRuns(seededRandom(seed)))
    assert.deepEqual(violations, [], `seed ${seed}`)
    assert.ok(figures.died > 0 && figures.failed > 0, `seed ${seed}: ${JSON.stringify(figures)}`)
  }
})

const plants: Record<string, { kind: ViolationKind; plant(terms: Planted, random: Random): void }> = {
  'a job that never ran': {
    kind: 'lost',
    plant: ({ runs }, random) => {
      const { n } = random.pick(runs)
      remove(runs, (run) => run.n === n)
    },
  },
  'a job that began and was never done': {
    kind: 'lost',
    plant: ({ runs }, random) => {
      const { n } = random.pick(runs)
      for (const run of runs) if (run.n === n) run.end = undefined
    },
  },
  'a job that nobody asked for': {
    kind: 'phantom',
    plant: ({ runs }) => void runs.push(runAt(1e6, 1e6, 'p0')),
  },
  'a job whose transaction was rolled back': {
    kind: 'phantom',
    plant: ({ jobs, runs }) => {
      jobs.push({ n: 5000, key: undefined, fate: 'rolled-back' })
      runs.push(runAt(5000, 1e6, 'p0'))
    },
  },
  'a job that is done and runs again': {
    kind: 'repeated',
    plant: ({ runs }, random) => {
      const done = random.pick(runs.filter(isSettled))
      runs.push({ ...runAt(done.n, (done.end?.atMs ?? 0) + 1, 'p0'), attempt: done.attempt + 1 })
    },
  },
  'a job that runs again after the death of somebody who had said that it was done': {
    kind: 'repeated',
    plant: ({ runs, deaths }, random) => {
      const done = random.pick(runs.filter(isSettled))
      const saidMs = (done.end?.atMs ?? 0) + tellMsMax
      done.process = 'the dead'
      deaths.set('the dead', saidMs + 1)
      runs.push(runAt(done.n, saidMs + 2, 'p0'))
    },
  },
  'a job that two processes have at once': {
    kind: 'at-once',
    plant: ({ runs }, random) => {
      const done = random.pick(runs.filter(isSettled))
      runs.push(runAt(done.n, done.fromMs + 0.1, 'p9'))
    },
  },
  'a job of a key that begins before the one before it is done': {
    kind: 'order',
    plant: ({ jobs, runs }, random) => {
      const { key, n } = random.pick(jobs.filter((job) => job.key !== undefined && job.n > 20))
      const before = jobs.findLast((job) => job.key === key && job.n < n)
      const done = runs.find((run) => run.n === before?.n && run.end?.how === 'done')
      const first = runs.find((run) => run.n === n)
      assert.ok(done?.end && first)
      first.fromMs = done.end.atMs - 0.1
    },
  },
}

for (const [what, { kind, plant }] of Object.entries(plants))
  test(`it finds ${what}`, () => {
    for (let seed = 0; seed < seeds; seed++) {
      const random = seededRandom(seed)
      const terms = goodRuns(random)
      plant(terms, random)
      const kinds = check(terms).violations.map((violation) => violation.kind)
      assert.ok(kinds.includes(kind), `seed ${seed}: ${kinds.join(', ') || 'nothing'}`)
    }
  })

test('it finds a job of a key that comes again after the next one began, whatever excuses the repetition', () => {
  const jobs: AskedJob[] = [1, 2].map((n) => ({ n, key: 'k', fate: 'published' }))
  const runs = [runAt(1, 0, 'p1'), runAt(2, 20, 'p2'), runAt(1, 40, 'p2')]
  const deaths = new Map([['p1', 30]])
  const { violations } = check({ jobs, runs, deaths, troubles: [], tellMsMax })
  assert.deepEqual(
    violations.map(({ kind, n }) => [kind, n]),
    [['order', 1]],
  )
})

test('a trouble excuses what was under way in it, and nothing else', () => {
  const jobs: AskedJob[] = [{ n: 1, key: undefined, fate: 'published' }]
  const runs = [runAt(1, 0, 'p1'), runAt(1, 500, 'p2')]
  const kinds = (fromMs: number, process?: string) => {
    const trouble = { fromMs, toMs: fromMs + 100, ...(process !== undefined && { process }) }
    return check({ jobs, runs, deaths: new Map(), troubles: [trouble], tellMsMax }).violations.map(({ kind }) => kind)
  }
  assert.deepEqual(kinds(5), [])
  assert.deepEqual(kinds(5, 'p1'), [])
  assert.deepEqual(kinds(5, 'p2'), ['repeated'])
  assert.deepEqual(kinds(300), ['repeated'])
})

interface Planted extends Terms {
  jobs: AskedJob[]
  runs: Run[]
  deaths: Map<string, number>
}

function runAt(n: number, fromMs: number, process: string): Run {
  return { n, attempt: 1, process, fromMs, end: { atMs: fromMs + 10, how: 'done' } }
}

/** Done, in a process that did not die of it. */
function isSettled({ end, process }: Run): boolean {
  return end?.how === 'done' && !process.startsWith('mortal')
}

function remove<T>(items: T[], isIt: (item: T) => boolean): void {
  items.splice(0, items.length, ...items.filter((item) => !isIt(item)))
}

/** A queue in one line of time for each of some keys, and for what has none. */
function goodRuns(random: Random): Planted {
  const jobs: AskedJob[] = []
  const runs: Run[] = []
  const deaths = new Map<string, number>()
  const freeAtMs = new Map<string, number>()
  for (let n = 1; n <= 120; n++) {
    const key = random.int(3) === 0 ? undefined : `k${random.int(4)}`
    jobs.push({ n, key, fate: 'published' })
    let atMs = (freeAtMs.get(key ?? `${n}`) ?? n) + 1
    for (let attempt = 1; ; attempt++) {
      const dice = attempt > 3 ? 1 : random.next()
      const toMs = atMs + 1 + random.int(10)
      if (dice < 0.15) {
        const process = `mortal ${n}.${attempt}`
        const isDone = random.int(2) === 0
        const end = isDone ? { atMs: toMs, how: 'done' as const } : undefined
        runs.push({ n, attempt, process, fromMs: atMs, end })
        deaths.set(process, toMs + random.int(tellMsMax))
        atMs = (deaths.get(process) ?? 0) + random.int(20)
        continue
      }
      const how = dice < 0.3 ? 'failed' : 'done'
      runs.push({ n, attempt, process: `p${1 + random.int(4)}`, fromMs: atMs, end: { atMs: toMs, how } })
      atMs = toMs + (how === 'failed' ? random.int(50) : 0)
      if (how === 'done') break
    }
    freeAtMs.set(key ?? `${n}`, atMs)
  }
  return { jobs, runs, deaths, troubles: [], tellMsMax }
}
