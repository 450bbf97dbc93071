// The store against a model of it: a list of answers that forgets nothing unless it is told to.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Purge } from '../contract.ts'
import type { KeptHead, Store, StoreBounds } from './contract.ts'
import { matches } from './purge-history.ts'
import { openStore } from './store.ts'
import { keyTo, tryKeep } from './testing/answers.ts'
import { type TestFolder, testFolder } from './testing/folder.ts'

const roomy: StoreBounds = {
  memoryBytesMax: 64 * 2 ** 20,
  diskBytesMax: 64 * 2 ** 20,
  objectBytesMax: 2 ** 20,
  objectsMax: 10_000,
  admission: 'first',
}
const tight: StoreBounds = {
  ...roomy,
  memoryBytesMax: 60_000,
  diskBytesMax: 200_000,
  objectBytesMax: 40_000,
  objectsMax: 30,
}

interface Answer {
  head: KeptHead
  body: string
}

type Step =
  | { do: 'keep'; path: string; variant: number; tags: string[]; bytes: number }
  | { do: 'refresh' | 'remove' | 'touch' | 'read'; path: string; variant: number }
  | { do: 'purge'; purge: Purge }
  | { do: 'settle' }
  | { do: 'restart' }

const paths = ['/', '/a', '/a/b', '/a/b?c', '/ab', '/b/a/b']
const tags = ['x', 'y', 'z']
const path = fc.constantFrom(...paths)
const variant = fc.nat(2)
const purge: fc.Arbitrary<Purge> = fc
  .record({
    ...{ soft: fc.boolean() },
    what: fc.oneof(
      path.map((each) => ({ url: `https://photos.test${each}` })),
      path.map((each) => ({ prefix: `https://photos.test${each}` })),
      fc.constantFrom(...tags).map((tag) => ({ tag })),
      fc.constant({ everything: true as const }),
    ),
  })
  .map(({ soft, what }) => ({ ...what, soft }))
const keepStep = fc.record({
  do: fc.constant('keep' as const),
  path,
  variant,
  tags: fc.subarray(tags),
  bytes: fc.nat(50_000),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: keepStep },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('refresh' as const, 'remove' as const, 'touch' as const, 'read' as const),
      path,
      variant,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const), purge }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'settle' as const }, { do: 'restart' as const }) },
)
const steps = fc.array(step, { maxLength: 60 })

test('with room for all, the store holds what its model holds, over restarts too', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      await using folder = await testFolder()
      const run = new Run(folder, roomy)
      await run.open()
      for (const each of list) {
        await run.take(each)
        for (const key of run.model.keys())
          assert.deepEqual(
            run.store.find(key).map(({ head }) => head),
            run.model.get(key)?.map(({ head }) => head),
          )
      }
      await run.check()
      assert.equal(run.store.objects, [...run.model.values()].flat().length)
      await run.store.close()
    }),
    { numRuns: 60 },
  )
})

test('with little room, the store holds part of what its model holds, and keeps to its bounds', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('first' as const, 'second' as const), async (list, admission) => {
      await using folder = await testFolder()
      const run = new Run(folder, { ...tight, admission })
      await run.open()
      for (const each of list) {
        await run.take(each)
        assert.ok(run.store.memoryBytes <= tight.memoryBytesMax, `${run.store.memoryBytes} bytes of memory`)
        assert.ok(run.store.diskBytes <= tight.diskBytesMax, `${run.store.diskBytes} bytes of disk`)
        assert.ok(run.store.objects <= tight.objectsMax)
      }
      await run.check()
      await run.store.close()
      assert.ok((await folder.bytes()) <= tight.diskBytesMax)
    }),
    { numRuns: 60 },
  )
})

class Run {
  readonly model = new Map<string, Answer[]>()
  store!: Store
  readonly #folder: TestFolder
  readonly #bounds: StoreBounds
  #moment = 0

  constructor(folder: TestFolder, bounds: StoreBounds) {
    this.#folder = folder
    this.#bounds = bounds
  }

  async open(): Promise<void> {
    this.store = await openStore(this.#bounds, {
      directory: this.#folder.path,
      onTrouble: (error) => assert.fail(error),
    })
  }

  async take(each: Step): Promise<void> {
    this.#moment++
    if (each.do === 'settle') return void (await new Promise((resolve) => setTimeout(resolve, 2)))
    if (each.do === 'restart') {
      await this.store.close()
      return this.open()
    }
    if (each.do === 'purge') return this.#purge(each.purge)
    const key = keyTo(each.path)
    const selectedBy: KeptHead['selectedBy'] = [['variant', String(each.variant)]]
    if (each.do === 'keep') return this.#keep(key, selectedBy, each.tags, each.bytes)
    const kept = this.store.find(key).find(({ head }) => head.selectedBy[0]?.[1] === String(each.variant))
    if (!kept) return
    if (each.do === 'touch') return this.store.touch(kept)
    if (each.do === 'read') return void (await this.store.read(kept))
    const answer = this.#answerOf(kept.head)
    this.#forget(key, selectedBy)
    if (each.do === 'remove') return this.store.remove(kept)
    const head = { ...kept.head, bornMs: this.#moment, needsValidation: false }
    this.store.refresh(kept, head)
    this.#put({ head, body: answer.body })
  }

  /** Everything that is found is in the model, with the body that was kept. */
  async check(): Promise<void> {
    for (const each of paths)
      for (const kept of [...this.store.find(keyTo(each))]) {
        const answer = this.#answerOf(kept.head)
        assert.deepEqual(kept.head, answer.head)
        // In a small store the reading of one may throw out the next.
        const body = kept.body ?? (await this.store.read(kept).catch(() => undefined))
        if (body) assert.equal(String(body), answer.body)
        else assert.ok(this.#bounds === tight || !this.store.find(keyTo(each)).includes(kept))
      }
  }

  #keep(key: string, selectedBy: KeptHead['selectedBy'], named: string[], bytes: number): void {
    const body = `${this.#moment} `.padEnd(bytes, key)
    const kept = tryKeep(this.store, key, body, { selectedBy, tags: named, bornMs: this.#moment })
    // What was not kept has not replaced anything either.
    if (!kept) return
    this.#forget(key, selectedBy)
    this.#put({ head: kept.head, body })
  }

  #purge(meant: Purge): void {
    this.store.purge(meant)
    for (const [key, answers] of this.model) {
      const left = answers.filter(({ head }) => meant.soft || !matches(meant, key, head.tags))
      this.model.set(
        key,
        left.map((answer) =>
          matches(meant, key, answer.head.tags)
            ? { ...answer, head: { ...answer.head, needsValidation: true } }
            : answer,
        ),
      )
    }
  }

  #answerOf(head: KeptHead): Answer {
    const answer = this.model.get(head.key)?.find((other) => other.head.bornMs === head.bornMs)
    assert.ok(answer, `${JSON.stringify(head)} should not be there`)
    return answer
  }

  #put(answer: Answer): void {
    this.model.set(answer.head.key, [answer, ...(this.model.get(answer.head.key) ?? [])])
  }

  #forget(key: string, selectedBy: KeptHead['selectedBy']): void {
    const isOther = ({ head }: Answer) => head.selectedBy[0]?.[1] !== selectedBy[0]?.[1]
    this.model.set(key, (this.model.get(key) ?? []).filter(isOther))
  }
}
