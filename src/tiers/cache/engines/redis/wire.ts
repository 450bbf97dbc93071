// How a value is written in Redis: one string, which says by its first character whether we understand it.
//
//   1        the form. A process that does not know the form takes the value for a miss and never guesses.
//   j|s|b|c  what the body is (body.ts)
//   16 digits   the version, in microseconds, written by the server (scripts.ts)
//   [...]\n  JSON: fresh until, calm until, load ms, tag, version of the tag, tag, ...
//   body
//
// Worked example: {"a":1} is `1j0000000000000000[1795000000000,1794999990000,3]\n{"a":1}`.

import { TenfoldError } from '../../../../base/errors.ts'
import { type BodyKind, bodyIn, bodyOf } from '../../body.ts'
import type { Kept } from '../../contract.ts'

export const form = '1'
const versionDigits = 16
const headAt = 2 + versionDigits
const newline = 0x0a
const openBracket = 0x5b
const closeBracket = 0x5d
const comma = 0x2c
const digit0 = 0x30
/** What stands in the head before the tags. */
const headTimes = 3
const noTags: readonly never[] = []

/** Tags with the versions that they had when the value was read from where the truth lies. */
export type TagVersions = ReadonlyArray<readonly [tag: string, version: string]>

export interface Written {
  kind: BodyKind
  /** Everything behind the version. */
  rest: Buffer
}

export interface Read {
  kept: Kept
  tags: TagVersions
}

/** @throws bad-input for what cannot be written (functions, symbols), too-large. */
export function write(kept: Kept, tags: TagVersions, bytesMax: number): Written {
  const { value } = kept
  const head = `${JSON.stringify([kept.freshUntil, kept.calmUntil, kept.loadMs, ...tags.flat()])}\n`
  const [kind, body] = bodyOf(value)
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  if (bytes > bytesMax) throw new TenfoldError('too-large', `a value of ${bytes} bytes is above ${bytesMax}`)
  const rest = typeof body === 'string' ? Buffer.from(head + body) : Buffer.concat([Buffer.from(head), body])
  return { kind, rest }
}

/** What the server has under a name. Undefined for nothing, for a form that we do not know, and for what is damaged. */
export function read(bytes: unknown): Read | undefined {
  if (!Buffer.isBuffer(bytes)) return undefined
  if (bytes.length < headAt || bytes[0] !== form.charCodeAt(0)) return undefined
  const end = bytes.indexOf(newline, headAt)
  if (end === -1) return undefined
  try {
    const head = wholeNumbersIn(bytes, headAt, end) ?? JSON.parse(bytes.toString('utf8', headAt, end))
    // By index: taking a list apart by a pattern costs as much as all the rest of the head.
    const tags = head.length > headTimes ? tagsIn(head) : noTags
    const kept: Kept = {
      value: bodyIn(String.fromCharCode(bytes[1] ?? 0), bytes, end + 1),
      freshUntil: head[0],
      calmUntil: head[1],
      loadMs: head[2],
      tags: tags.length === 0 ? noTags : tags.map(([tag]) => tag),
    }
    return { kept, tags }
  } catch {
    return undefined
  }
}

/**
 * Of a list of whole numbers and nothing else, which is what a head without tags is: half the time that JSON takes, and
 * every read pays it. Undefined for any other.
 */
function wholeNumbersIn(bytes: Buffer, from: number, to: number): number[] | undefined {
  if (bytes[from] !== openBracket || bytes[to - 1] !== closeBracket) return undefined
  const numbers: number[] = []
  let number = 0
  for (let at = from + 1; at < to; at++) {
    const byte = bytes[at] as number
    if (byte >= digit0 && byte < digit0 + 10) number = number * 10 + (byte - digit0)
    else if (byte === comma || at === to - 1) {
      numbers.push(number)
      number = 0
    } else return undefined
  }
  return numbers.length === headTimes ? numbers : undefined
}

function tagsIn(head: readonly string[]): TagVersions {
  const tags: Array<[string, string]> = []
  for (let i = headTimes; i < head.length; i += 2) tags.push([head[i] as string, head[i + 1] as string])
  return tags
}
