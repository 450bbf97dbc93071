// How a value is written in Redis: one string, which says by its first character whether we understand it.
//
//   1        the form. A process that does not know the form takes the value for a miss and never guesses.
//   j|s|b|c  what the body is: JSON, text, bytes, structured clone
//   16 digits   the version, in microseconds, written by the server (scripts.ts)
//   [...]\n  JSON: fresh until, calm until, load ms, tag, version of the tag, tag, ...
//   body
//
// JSON where it gives back what was put, since it is the fastest there is in V8 and can be read with redis-cli; structured
// clone (node:v8) for what JSON would change: dates, maps, sets, bigints, undefined, NaN, bytes inside of objects. So a
// value is the same whether it comes from this process or from Redis, up to prototypes, which neither keeps.
// Worked example: {"a":1} is `1j0000000000000000[1795000000000,1794999990000,3]\n{"a":1}`.

import { deserialize, serialize } from 'node:v8'
import { TenfoldError } from '../../../../base/errors.ts'
import type { Kept } from '../../contract.ts'

export const form = '1'
const versionDigits = 16
const headAt = 2 + versionDigits
const newline = 0x0a

/** Tags with the versions that they had when the value was read from where the truth lies. */
export type TagVersions = ReadonlyArray<readonly [tag: string, version: string]>

export interface Written {
  kind: 'j' | 's' | 'b' | 'c'
  /** Everything behind the version. */
  rest: Buffer
}

export interface Read {
  kept: Kept
  version: number
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

/** Undefined for a form that we do not know, and for what is damaged. */
export function read(bytes: Buffer): Read | undefined {
  if (bytes.length < headAt || bytes[0] !== form.charCodeAt(0)) return undefined
  const end = bytes.indexOf(newline, headAt)
  if (end === -1) return undefined
  try {
    const [freshUntil, calmUntil, loadMs, ...flat] = JSON.parse(bytes.toString('utf8', headAt, end))
    const tags: Array<[string, string]> = []
    for (let i = 0; i < flat.length; i += 2) tags.push([flat[i], flat[i + 1]])
    const value = bodyIn(String.fromCharCode(bytes[1] ?? 0), bytes, end + 1)
    const kept: Kept = { value, freshUntil, calmUntil, loadMs, tags: tags.map(([tag]) => tag) }
    return { kept, version: Number(bytes.toString('latin1', 2, headAt)), tags }
  } catch {
    return undefined
  }
}

function bodyOf(value: unknown): [kind: Written['kind'], body: string | Uint8Array] {
  if (typeof value === 'string') return ['s', value]
  if (Buffer.isBuffer(value)) return ['b', value]
  if (isPlain(value, depthMax)) return ['j', JSON.stringify(value)]
  try {
    return ['c', serialize(value)]
  } catch (error) {
    throw new TenfoldError('bad-input', 'the value holds something that cannot be kept: a function, a symbol', {
      cause: error,
    })
  }
}

function bodyIn(kind: string, bytes: Buffer, at: number): unknown {
  if (kind === 's') return bytes.toString('utf8', at)
  if (kind === 'j') return JSON.parse(bytes.toString('utf8', at))
  // Copied: a view would keep the whole answer of the server alive.
  if (kind === 'b') return Buffer.from(bytes.subarray(at))
  if (kind === 'c') return deserialize(bytes.subarray(at))
  throw new TypeError(`a body of kind ${kind}`)
}

/** Deeper than this may be a circle, which structured clone can write. */
const depthMax = 64

/** Whether JSON gives it back as it is. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth === 0) return false
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth - 1))
  const prototype = Object.getPrototypeOf(value)
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) return false
  for (const name in value) {
    if (name === '__proto__' || !isPlain((value as Record<string, unknown>)[name], depth - 1)) return false
  }
  return true
}
