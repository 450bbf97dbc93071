// Verification finds every kind of lost or doubled write, and nothing where all is well.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TinyPhotos } from '../../test/tour/tiny-photos.ts'
import { seededRandom } from '../base/random.ts'
import { Ledger, type LedgerVerdict } from './ledger.ts'
import { LoadClient } from './load/client.ts'
import { Crowd } from './load/crowd.ts'
import { prepareCrowd } from './load/generator.ts'
import { judge } from './load/judge.ts'
import { openReader } from './load/reader.ts'
import { writes } from './load/writes.ts'
import { verifyLedger } from './verify.ts'

// Every test writes through real HTTP, harms the data behind the API's back, and asks what verification finds.

let tiny: TinyPhotos
let client: LoadClient
let baseUrl: string

before(async () => {
  tiny = new TinyPhotos()
  baseUrl = await tiny.listen()
  client = new LoadClient(baseUrl, { connectionsMax: 8 })
})

after(async () => {
  client.close()
  await tiny.close()
})

async function writeSome(): Promise<Ledger> {
  tiny.users.clear()
  const crowd = new Crowd(new Ledger(), seededRandom(7), 'test')
  await prepareCrowd(client, crowd, { people: 5, photos: 60, followsPerPerson: 2, timeoutMs: 5000 })
  for (const kind of ['like', 'comment', 'tip'] as const)
    for (let count = 0; count < 20; count++) {
      const operation = writes[kind](crowd)
      assert.equal(judge(await client.send(operation.request, 5000), operation), undefined)
    }
  return crowd.ledger
}

function verify(ledger: Ledger): Promise<LedgerVerdict> {
  return verifyLedger(ledger, openReader(client), { settleMs: 0 })
}

/** Problem and kind of every finding, each once. */
function foundIn({ findings }: LedgerVerdict): string[] {
  return [...new Set(findings.map(({ problem, kind }) => `${problem} ${kind}`))].sort()
}

test('when every acknowledged write is there once, nothing is found', async () => {
  const ledger = await writeSome()
  const verdict = await verify(ledger)
  assert.deepEqual(verdict.findings, [])
  const { signup, upload, comment, tip } = verdict.checked
  assert.deepEqual([signup, upload, comment, tip], [5, 60, 20, 20])
})

/** What is harmed, how, what must be found, and what may be found along with it. */
const harms: ReadonlyArray<[what: string, harm: (ledger: Ledger) => void, found: string, along?: string[]]> = [
  ['a lost user', loseUser, 'lost signup', ['lost upload', 'lost session', 'lost tip']],
  ['a lost photo', () => someone('photos').photos.pop(), 'lost upload'],
  ['a doubled photo', doublePhoto, 'doubled upload'],
  ['a lost like', () => loseOne(somePhoto('likes').likes), 'lost like'],
  ['a like counted twice', () => somePhoto('likes').likes.add('nobody'), 'doubled like'],
  ['a lost comment', () => somePhoto('comments').comments.pop(), 'lost comment'],
  ['a doubled comment', doubleComment, 'doubled comment'],
  ['a lost follow', () => loseOne(someone('followers').followers), 'lost follow'],
  ['a lost tip', ({ tips }) => tiny.kept.delete(tips[3]?.key ?? ''), 'lost tip'],
  ['a lost session', ({ people }) => people[0]?.cookies.clear(), 'lost session', ['lost tip']],
]

for (const [what, harm, expected, along = []] of harms)
  test(`${what} is found and named`, async () => {
    const ledger = await writeSome()
    harm(ledger)
    const verdict = await verify(ledger)
    const found = foundIn(verdict)
    assert.ok(found.includes(expected), `found ${found.join(', ') || 'nothing'}`)
    assert.deepEqual(
      found.filter((name) => name !== expected && !along.includes(name)),
      [],
    )
    assert.ok(verdict.lost + verdict.doubled > 0)
  })

test('a write in doubt may be there or not, but not twice', async () => {
  const ledger = await writeSome()
  const photo = ledger.photos[0]
  const stored = tiny.photos().find(({ id }) => id === photo?.id)
  photo?.commentTextsInDoubt.add('perhaps')
  assert.deepEqual((await verify(ledger)).findings, [])
  stored?.comments.push({ id: 'c1', userId: '1', text: 'perhaps' })
  assert.deepEqual((await verify(ledger)).findings, [])
  stored?.comments.push({ id: 'c2', userId: '1', text: 'perhaps' })
  assert.deepEqual(foundIn(await verify(ledger)), ['doubled comment'])
})

test('a check that holds a little later is no finding', async () => {
  const ledger = await writeSome()
  const { comments } = somePhoto('comments')
  const late = comments.pop()
  const verdict = verifyLedger(ledger, openReader(client), { settleMs: 5000, recheckIntervalMs: 20 })
  setTimeout(() => late && comments.push(late), 60)
  assert.deepEqual((await verdict).findings, [])
})

function someone(having: 'photos' | 'followers') {
  const user = [...tiny.users.values()].find(
    ({ photos, followers }) => ({ photos, followers })[having].values().next().value,
  )
  assert.ok(user)
  return user
}

function somePhoto(having: 'likes' | 'comments') {
  const photo = tiny.photos().find(({ likes, comments }) => ({ likes, comments })[having].values().next().value)
  assert.ok(photo)
  return photo
}

function loseUser(): void {
  tiny.users.delete([...tiny.users.keys()].at(-1) ?? '')
}

function loseOne(set: Set<string>): void {
  set.delete([...set][0] ?? '')
}

function doublePhoto(): void {
  const { photos } = someone('photos')
  photos.push({ ...(photos[0] ?? assert.fail()), id: '999999' })
}

function doubleComment(): void {
  const { comments } = somePhoto('comments')
  comments.push({ ...(comments[0] ?? assert.fail()), id: '999998' })
}
