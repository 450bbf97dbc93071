// The end of every run: each write of the ledger is looked for through the public API.
//
// What jobs do later (thumbnails, follower counts) settles within a limit: a check that does not hold yet is made again
// until it does, and only what still does not hold at the limit is a finding.

import { type Clock, systemClock } from '../base/clock.ts'
import { describeError } from '../base/errors.ts'
import { Semaphore } from '../base/limits.ts'
import { checkPerson } from './checks/person.ts'
import { checkPhoto } from './checks/photo.ts'
import type { Read } from './checks/read.ts'
import { checkTip } from './checks/tip.ts'
import type { Finding, Ledger, LedgerVerdict, WriteKind } from './ledger.ts'

const findingsNamedMax = 100

export interface VerifyOptions {
  concurrency?: number
  /** How long jobs that are under way may take to be done. */
  settleMs?: number
  recheckIntervalMs?: number
  clock?: Clock
}

interface Check {
  run: () => Promise<Finding[]>
  about: { kind: WriteKind; id: string }
}

export async function verifyLedger(ledger: Ledger, read: Read, options: VerifyOptions = {}): Promise<LedgerVerdict> {
  const { concurrency = 16, settleMs = 45_000, recheckIntervalMs = 500, clock = systemClock } = options
  const startMs = clock.monotonic()
  const checks = checksOf(ledger, read)
  let open = await findProblems(checks, concurrency)
  while (open.size > 0 && clock.monotonic() - startMs < settleMs) {
    await clock.sleep(recheckIntervalMs)
    open = await findProblems([...open.keys()], concurrency)
  }
  const findings = [...open.values()].flat()
  const count = (problem: Finding['problem']) => findings.filter((finding) => finding.problem === problem).length
  return {
    checked: countWrites(ledger),
    inDoubt: countInDoubt(ledger),
    lost: count('lost'),
    doubled: count('doubled'),
    unreadable: count('unreadable'),
    findings: findings.slice(0, findingsNamedMax),
    durationMs: Math.round(clock.monotonic() - startMs),
  }
}

function checksOf(ledger: Ledger, read: Read): Check[] {
  return [
    ...ledger.people.map((person) => ({
      run: () => checkPerson(person, read),
      about: { kind: 'signup' as const, id: person.id },
    })),
    ...ledger.photos.map((photo) => ({
      run: () => checkPhoto(photo, read),
      about: { kind: 'upload' as const, id: photo.id },
    })),
    ...ledger.tips.map((tip) => ({
      run: () => checkTip(tip, ledger.person(tip.fromUserId), read),
      about: { kind: 'tip' as const, id: tip.key },
    })),
  ]
}

async function findProblems(checks: readonly Check[], concurrency: number): Promise<Map<Check, Finding[]>> {
  const limit = new Semaphore(concurrency, checks.length)
  const problems = new Map<Check, Finding[]>()
  const runOne = async (check: Check) => {
    const findings = await check
      .run()
      .catch((error: unknown) => [{ ...check.about, problem: 'unreadable' as const, detail: describeError(error) }])
    if (findings.length > 0) problems.set(check, findings)
  }
  await Promise.all(checks.map((check) => limit.run(() => runOne(check))))
  return problems
}

function countWrites({ people, photos, tips }: Ledger): Record<WriteKind, number> {
  const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0)
  return {
    signup: people.length,
    session: people.length,
    upload: photos.length,
    thumbnail: photos.length,
    like: sum(photos, (photo) => photo.likers.size),
    comment: sum(photos, (photo) => photo.comments.size),
    follow: sum(people, (person) => person.followers.size),
    tip: tips.length,
  }
}

function countInDoubt({ people, photos, tipsInDoubt }: Ledger): number {
  const ofPeople = people.map((person) => person.captionsInDoubt.size + person.followersInDoubt.size)
  const ofPhotos = photos.map((photo) => photo.likersInDoubt.size + photo.commentTextsInDoubt.size)
  return [...ofPeople, ...ofPhotos, tipsInDoubt.length].reduce((total, count) => total + count, 0)
}
