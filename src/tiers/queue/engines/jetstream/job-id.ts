// The id of a job says where it lies, so that a line that cannot be searched can be asked for it.
//
// A message has a name, by which the server knows a second publish of it again: `<start>.<rest>`, where start is the first 80
// bits of a UUID (RFC 9562, version 8: milliseconds since 1970, a count within them, chance) and rest makes it unique. The job's id is
// start and the message's number in the stream, 48 bits: who published it hears that number, and who takes it as well.
// Worked example: name `01939c2e-5a10-8f3b-9c44.k3J9…1a`, number 258 -> id `01939c2e-5a10-8f3b-9c44-000000000102`.
//
// A job that was relayed from PostgreSQL had its id before: that id, without a dot, is the message's name. One that was published
// anew (mender.ts) is called by its id, a tilde, and the number that it had.

import { randomBytes, randomFillSync } from 'node:crypto'

const chance = Buffer.alloc(4096)
const bytesEach = 2
const eachMsMax = 0x1000

export class MessageNames {
  readonly #process = randomBytes(9).toString('base64url')
  #count = 0
  #ms = 0
  #inMs = 0
  #at = chance.length

  /** Each begins with more than the one before it. */
  next(): string {
    const now = Date.now()
    if (now > this.#ms) {
      this.#ms = now
      this.#inMs = 0
    } else if (++this.#inMs === eachMsMax) {
      this.#ms++
      this.#inMs = 0
    }
    if (this.#at + bytesEach > chance.length) {
      randomFillSync(chance)
      this.#at = 0
    }
    const time = this.#ms.toString(16).padStart(12, '0')
    const version = (0x8000 | this.#inMs).toString(16)
    const variant = (0x8000 | (chance.readUInt16BE(this.#at) & 0x3fff)).toString(16)
    this.#at += bytesEach
    return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${variant}.${this.#process}${(this.#count++).toString(36)}`
  }
}

export function nameAnew(jobId: string, sequence: number): string {
  return `${jobId}~${sequence}`
}

export function jobIdOf(messageName: string, sequence: number): string {
  const [anew, mark] = messageName.split('~')
  if (anew !== undefined && mark !== undefined) return anew
  const dot = messageName.indexOf('.')
  return dot < 0 ? messageName : `${messageName.slice(0, dot)}-${sequence.toString(16).padStart(12, '0')}`
}

/** 'anywhere': it was relayed, and its id says nothing of where it was put. Undefined for what is no id of a job. */
export function sequenceOf(jobId: string): number | 'anywhere' | undefined {
  const [, version] = /^[\da-f]{8}-[\da-f]{4}-([\da-f])[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.exec(jobId) ?? []
  if (version === undefined) return undefined
  return version === '8' ? Number.parseInt(jobId.slice(24), 16) : 'anywhere'
}

/** When it was published; undefined for a name that is not of ours. */
export function timeOf(messageName: string): Date | undefined {
  const ms = Number.parseInt(messageName.slice(0, 8) + messageName.slice(9, 13), 16)
  return Number.isSafeInteger(ms) ? new Date(ms) : undefined
}
