// How a value is written outside of this process: JSON, text, bytes or structured clone, named by a letter.
//
// JSON where it gives back what was put, since it is the fastest there is in V8 and can be read by people; structured
// clone (node:v8) for what JSON would change: dates, maps, sets, bigints, undefined, NaN, bytes inside of objects. So a
// value is the same whether it comes from this process or from another one, up to prototypes, which neither keeps.

import { deserialize, serialize } from 'node:v8'
import { TenfoldError } from '../../base/errors.ts'

export type BodyKind = 'j' | 's' | 'b' | 'c'

/** @throws bad-input for what cannot be written: functions, symbols. */
export function bodyOf(value: unknown): [kind: BodyKind, body: string | Uint8Array] {
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

/** What begins there, to the end. @throws what is wrong with it */
export function bodyIn(kind: string, bytes: Buffer, at: number): unknown {
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
