// kill -9 in the middle of writing, purging and throwing out: what the next process finds is whole and was not purged.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { seededRandom } from '../../../../base/random.ts'
import type { Kept, Store } from '../contract.ts'
import { openStore } from '../store.ts'
import { answerOf, crashBounds, keysCount } from '../testing/crash-answers.ts'
import { type TestFolder, testFolder, waitForFiles } from '../testing/folder.ts'

/** The last version that each tag was purged or marked at, and each key removed. */
type Told = Record<'purged' | 'marked' | 'removed', Map<string, number>>

const rounds = 10
const seed = 20_261_125

test(`a store that is killed while it works is whole at the next start (${rounds} times, seed ${seed})`, async () => {
  await using folder = await testFolder()
  const random = seededRandom(seed)
  const told: Told = { purged: new Map(), marked: new Map(), removed: new Map() }
  let first = 0
  let found = 0
  for (let round = 0; round < rounds; round++) {
    first = await crash(folder, first, { purges: 1 + random.int(20), byItself: round % 2 === 1 }, told)
    const store = await openStore(crashBounds, { directory: folder.path, onTrouble: (error) => assert.fail(error) })
    assert.ok(store.diskBytes <= crashBounds.diskBytesMax)
    for (let version = 0; version < keysCount; version++)
      for (const kept of [...store.find(answerOf(version).key)]) {
        await checkAnswer(store, kept, told)
        found++
      }
    await waitForFiles(folder, store.objects)
    if (round % 4 === 0) store.purge({ prefix: 'https://photos.test/1' })
    await store.close()
  }
  assert.ok(found > rounds * 5, `only ${found} answers were found`)
})

/** Until so many purges were told; the version to go on with. By itself it ends right after a purge, else anywhere. */
async function crash(
  folder: TestFolder,
  first: number,
  { purges, byItself }: { purges: number; byItself: boolean },
  told: Told,
): Promise<number> {
  const script = join(import.meta.dirname, '../testing/crashing.ts')
  const words = ['-C', 'source', script, folder.path, String(first), String(byItself ? purges : 0)]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const closed = once(child, 'close')
  await waitUntil(() => said.split('\n').length > purges, { what: 'purges', timeoutMs: 20_000, intervalMs: 1 })
  if (!byItself) child.kill('SIGKILL')
  await closed
  const lines = said.split('\n').slice(0, -1)
  for (const line of lines) {
    const [what, tag = '', version] = line.split(' ')
    told[what as keyof Told].set(tag, Number(version))
  }
  // It may have come further than it said.
  return Number(lines.at(-1)?.split(' ')[2]) + 1000
}

async function checkAnswer(store: Store, kept: Kept, { purged, marked, removed }: Told): Promise<void> {
  const { bornMs: version, tags } = kept.head
  const { key, body } = answerOf(version)
  assert.equal(kept.head.key, key)
  for (const tag of tags)
    assert.ok(version > (purged.get(tag) ?? -1), `version ${version} was purged by ${tag} at ${purged.get(tag)}`)
  assert.ok(
    version > (removed.get(key.slice(4)) ?? -1),
    `version ${version} of ${key} was removed at ${removed.get(key.slice(4))}`,
  )
  const isMarked = tags.some((tag) => version <= (marked.get(tag) ?? -1))
  assert.ok(!isMarked || kept.head.needsValidation, `version ${version} was marked`)
  const reader = await store.open(kept)
  assert.ok((await reader.read(0, kept.head.bytes)).equals(body), `version ${version} has another body`)
  await reader.close()
}
