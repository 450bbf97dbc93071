// The defaults and bounds of streams, in one place, and the checks of what callers give.

import { TenfoldError } from '../../../base/errors.ts'
import { payloadBytesMax } from '../options.ts'
import type { ConsumeOptions, EntryPayload, StreamPlace, StreamTerms } from './contract.ts'

const dayMs = 86_400_000

export const streamDefaults = { keepMs: 7 * dayMs, partitions: 1 } as const
const streamBounds = { keepMs: [1000, 366 * dayMs], partitions: [1, 64] } as const

export const consumeDefaults = {
  from: 'now',
  batchMax: 100,
  leaseMs: 15_000,
  backoff: { baseMs: 200, capMs: 30_000 },
} as const satisfies Required<Omit<ConsumeOptions, 'group'>>
const consumeBounds = { batchMax: [1, 10_000], leaseMs: [300, 3_600_000] } as const

/** A reader that finds nothing asks again after so long, twice as long each time up to the second figure. */
export const pollMsMin = 10
export const pollMsMax = 1000
/** How often at most a reader that waits for lanes looks for free ones. */
export const claimMsMax = 1000

/** Entries of one appendMany. */
export const appendManyMax = 10_000
/** Entries in one statement, but for those of one call. */
export const appendBatchMax = 1000

const nameOf = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/

/** @throws bad-input that names the option. */
export function checkDefinition(stream: string, definition: StreamTerms): void {
  checkStreamName(stream)
  checkBounds(`stream ${stream}`, definition, streamBounds)
}

/** @throws bad-input that names the option. */
export function checkConsume(
  stream: string,
  options: ConsumeOptions,
): Required<Omit<ConsumeOptions, 'from'>> & { from: StreamPlace } {
  checkStreamName(stream)
  checkGroupName(options.group)
  checkBounds(`group ${options.group} of ${stream}`, options, consumeBounds)
  if (options.from !== undefined) checkPlace(options.from)
  return { ...consumeDefaults, ...options }
}

export function checkPlace(place: StreamPlace): void {
  const isFine =
    place === 'start' ||
    place === 'now' ||
    (typeof place === 'object' &&
      place !== null &&
      ('at' in place
        ? place.at instanceof Date && !Number.isNaN(place.at.getTime())
        : typeof place.position === 'string'))
  if (!isFine)
    throw new TenfoldError(
      'bad-input',
      `${JSON.stringify(place)} is no place in a stream: 'start', 'now', { at: Date } or { position }`,
    )
}

/** The entry's JSON. @throws bad-input, too-large */
export function checkEntry(stream: string, payload: EntryPayload, key: string | undefined): string {
  checkStreamName(stream)
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    throw new TenfoldError('bad-input', `an entry of ${stream} carries an object, got ${JSON.stringify(payload)}`)
  const body = JSON.stringify(payload)
  const bytes = Buffer.byteLength(body)
  if (bytes > payloadBytesMax)
    throw new TenfoldError(
      'too-large',
      `an entry of ${stream} has ${bytes} bytes, the limit is ${payloadBytesMax}: store it and append its id`,
    )
  if (key !== undefined && (key.length < 1 || key.length > 255 || key.includes('\0') || !key.isWellFormed()))
    throw new TenfoldError('bad-input', `the key of an entry of ${stream} must be 1 to 255 characters`)
  return body
}

export function checkStreamName(stream: string): void {
  if (!nameOf.test(stream))
    throw new TenfoldError(
      'bad-input',
      `${JSON.stringify(stream)} is not a stream's name: letters, digits, dots, dashes`,
    )
}

export function checkGroupName(group: string): void {
  if (!nameOf.test(group))
    throw new TenfoldError('bad-input', `${JSON.stringify(group)} is not a group's name: letters, digits, dots, dashes`)
}

function checkBounds(what: string, given: object, bounds: Readonly<Record<string, readonly [number, number]>>): void {
  for (const [name, [min, max]] of Object.entries(bounds)) {
    const value = (given as Record<string, unknown>)[name]
    if (value === undefined) continue
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
      throw new TenfoldError('bad-input', `${name} of ${what} is ${value}; it must be ${min} to ${max}`)
  }
}
