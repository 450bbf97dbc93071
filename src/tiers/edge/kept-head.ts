// What is known of an answer that is kept: made from the answer itself, or from what is kept and a newer head of it.

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import { keptInAnswers } from '../../net/http1/kept-fields.ts'
import { bornMsOf } from './age.ts'
import { type Fields, membersOf } from './fields.ts'
import type { Verdict } from './keeping.ts'
import type { KeptHead } from './store/contract.ts'
import type { Selection } from './vary.ts'

/** What belongs to one exchange and not to the answer: said anew each time (age, id), or by those who passed it on. */
const ofOneExchange = new Set(['age', 'x-request-id', 'cache-status', 'proxy-authentication-info'])

/** A newer head does not change how the kept body is to be read (RFC 9111, 3.2); Content-Length is none of these fields. */
const ofTheBody = new Set(['content-encoding', 'content-range'])

/** End-to-end fields of an answer, its Date first. Where it has none, it was made now (RFC 9110, 6.6.1). */
export function endToEndFields(head: AnswerHead, answeredMs: number): Fields {
  const { nominated } = head.framing
  const fields: Array<readonly [string, string]> = []
  let date: string | undefined
  for (let i = 0; i < head.count; i++) {
    if (keptInAnswers[head.kinds[i] as number] !== 1) continue
    const name = head.name(i)
    if (ofOneExchange.has(name) || nominated.includes(name)) continue
    if (name === 'date' && date === undefined) date = head.value(i)
    else fields.push([name, head.value(i)])
  }
  return [['date', date ?? new Date(answeredMs).toUTCString()], ...fields]
}

/** With those that say how old it is, for those who judge. */
export function judgedFields(head: AnswerHead, fields: Fields): Fields {
  const index = head.find('age')
  return index < 0 ? fields : [...fields, ['age', head.value(index)]]
}

export interface Times {
  askedMs: number
  answeredMs: number
}

export function keptHeadOf(
  { key, status, bytes, fields }: { key: string; status: number; bytes: number; fields: Fields },
  verdict: Verdict,
  { selectedBy, bornMs }: { selectedBy: Selection; bornMs: number },
): KeptHead {
  const { freshMs, staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate, needsValidation } = verdict
  return {
    ...{ key, selectedBy, status, fields, bytes, tags: tagsOf(fields), bornMs },
    ...{ freshMs, staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate, needsValidation },
  }
}

/** The kept fields with those of a newer head in their place (RFC 9111, 3.2). */
export function updatedFields(kept: Fields, newer: Fields): Fields {
  const taken = newer.filter(([name]) => !ofTheBody.has(name))
  const names = new Set(taken.map(([name]) => name))
  const merged = [...taken, ...kept.filter(([name]) => !names.has(name))]
  return merged.sort(([a], [b]) => Number(b === 'date') - Number(a === 'date'))
}

export function bornOf(head: AnswerHead, fields: Fields, times: Times): number {
  return bornMsOf(judgedFields(head, fields), times)
}

/** As CDNs name them: Cache-Tag is a list with commas, Surrogate-Key one with spaces. */
function tagsOf(fields: Fields): string[] {
  const tags = new Set<string>()
  for (const [name, value] of fields) {
    if (name === 'cache-tag') for (const tag of membersOf(value)) tags.add(tag)
    else if (name === 'surrogate-key') for (const tag of value.split(/\s+/)) if (tag !== '') tags.add(tag)
  }
  return [...tags]
}
