// About how many bytes a value keeps alive, counted and not serialised, since a cache asks at each set.
//
// Figures of V8 on 64 bits with compressed pointers off, as Node is built: 8 bytes a word, three words of an object's
// head. A string takes one byte a character when all of its characters are Latin-1, else two. Whether they are is asked
// of a coder that does it at many gigabytes a second and knows ASCII only: what is Latin-1 and not ASCII is counted double.
// Numbers count a word, though fractions and those above 2^31 take three outside of arrays of numbers alone.
// Worked example: { id: '7' } = 24 + 8 for the field + (16 + 1, in words: 24) for '7' = 56.

const wordBytes = 8
const objectBytes = 3 * wordBytes
const stringBytes = 2 * wordBytes
/** A Map or Set keeps the place of each item in a chain, and is half empty after it has grown. */
const mapItemBytes = 4 * wordBytes
/** A view and its buffer are two objects of many fields, and the buffer's memory has a record outside the heap. */
const viewBytes = 250
/** A value of more parts is not counted through: it is refused as too large for any cache. */
const partsMax = 1_000_000

export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return sizeOfString(value)
  if (typeof value !== 'object' || value === null) return wordBytes
  return sizeOfRecord(value) ?? sizeOfGraph(value)
}

/** The usual value, a record of texts and numbers, without a list of what is still to come. Undefined when there is more in it. */
function sizeOfRecord(value: object): number | undefined {
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined
  let bytes = objectBytes
  for (const name in value) {
    const field = (value as Record<string, unknown>)[name]
    if (typeof field === 'string') bytes += wordBytes + sizeOfString(field)
    else if (typeof field === 'object' && field !== null) return undefined
    else bytes += wordBytes
  }
  return bytes
}

function sizeOfGraph(value: object): number {
  let bytes = 0
  let parts = 0
  const seen = new Set<object>()
  const rest: unknown[] = [value]
  while (rest.length > 0) {
    if (++parts > partsMax) return Number.POSITIVE_INFINITY
    const next = rest.pop()
    if (typeof next === 'string') bytes += sizeOfString(next)
    else if (typeof next === 'object' && next !== null && !seen.has(next)) {
      seen.add(next)
      bytes += objectBytes
      if (ArrayBuffer.isView(next)) bytes += viewBytes + next.byteLength
      else if (next instanceof ArrayBuffer) bytes += viewBytes + next.byteLength
      else if (next instanceof Map)
        for (const [key, item] of next) {
          bytes += mapItemBytes
          rest.push(key, item)
        }
      else if (next instanceof Set)
        for (const item of next) {
          bytes += mapItemBytes
          rest.push(item)
        }
      else if (Array.isArray(next)) {
        bytes += wordBytes * next.length
        for (const item of next) if (typeof item === 'string' || typeof item === 'object') rest.push(item)
      } else
        for (const name in next) {
          bytes += wordBytes
          rest.push((next as Record<string, unknown>)[name])
        }
    }
  }
  return bytes
}

export function sizeOfString(text: string): number {
  const isAscii = Buffer.byteLength(text) === text.length
  const bytes = stringBytes + (isAscii ? text.length : 2 * text.length)
  return Math.ceil(bytes / wordBytes) * wordBytes
}
