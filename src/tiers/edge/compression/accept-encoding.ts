// What a client's Accept-Encoding comes down to (RFC 9110, 12.5.3). Clients send hundreds of forms of it which mean a handful
// of things, and a cache that told all forms apart would keep a variant for each.

export type Encoding = 'br' | 'zstd' | 'gzip'

/** Where a client likes several as well: Brotli makes text smallest for what it costs (compress.ts has the figures). */
export const encodings: readonly Encoding[] = ['br', 'zstd', 'gzip']

interface Accepted {
  best: Encoding | undefined
  all: string
}

/** A longer field is not read, and its client gets bytes as they are. */
const fieldLengthMax = 512
const formsRememberedMax = 256

const remembered = new Map<string, Accepted>()
const nothing: Accepted = { best: undefined, all: '' }

/**
 * The one encoding to answer in; undefined: none. This is the value by which variants that the edge compressed are selected.
 *
 *     bestEncoding('gzip, deflate, br;q=1.0') is 'br', bestEncoding('br;q=0.5, gzip') is 'gzip'
 */
export function bestEncoding(field: string | undefined): Encoding | undefined {
  return acceptedOf(field).best
}

/**
 * All that is accepted, in our order: what variants of servers that vary by it are selected by, and what they are asked for.
 *
 *     acceptedEncodings('deflate, gzip, br') is 'br, gzip'
 */
export function acceptedEncodings(field: string | undefined): string {
  return acceptedOf(field).all
}

/** `field` undefined is no preference, which RFC 9110 lets a server read as it likes: such clients rarely decode. */
function acceptedOf(field: string | undefined): Accepted {
  if (field === undefined || field.length > fieldLengthMax) return nothing
  let accepted = remembered.get(field)
  if (!accepted) {
    accepted = parse(field)
    // Whoever sends a new form with each request empties the memory, which costs others one parsing.
    if (remembered.size >= formsRememberedMax) remembered.clear()
    remembered.set(field, accepted)
  }
  return accepted
}

function parse(field: string): Accepted {
  const weights = new Map<string, number>()
  for (const part of field.split(',')) {
    const [name = '', ...parameters] = part.split(';')
    const coding = name.trim().toLowerCase()
    if (coding !== '') weights.set(coding === 'x-gzip' ? 'gzip' : coding, weightOf(parameters))
  }
  const weightFor = (encoding: Encoding) => weights.get(encoding) ?? weights.get('*') ?? 0
  const accepted = encodings.filter((encoding) => weightFor(encoding) > 0)
  // The sort is stable, so that our order decides among equals.
  const [best] = accepted.toSorted((a, b) => weightFor(b) - weightFor(a))
  // A client that likes its bytes as they are best gets them so.
  const identity = weights.get('identity') ?? 0
  return { best: best && weightFor(best) >= identity ? best : undefined, all: accepted.join(', ') }
}

/** 1 where none is given; what cannot be read is 0, since sending bytes as they are is always right. */
function weightOf(parameters: readonly string[]): number {
  const weight = parameters.map((text) => text.trim().toLowerCase()).find((text) => text.startsWith('q='))
  if (weight === undefined) return 1
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight.slice(2)) : 0
}
