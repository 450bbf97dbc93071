// The files that the write-ahead log is cut into, and what their names say.
//
// Source: PostgreSQL's src/include/access/xlog_internal.h. A name has three halves of eight hexadecimal digits: timeline,
// the position's upper 32 bits, and the segment within those 4 GiB. Worked example: with segments of 16 MiB, the byte
// 1/2A003C10 of timeline 3 lies in 00000003000000010000002A.
// A history file (00000003.history) lists the timelines that led to its own, each with the position where it was left.

import { TenfoldError } from '../../base/errors.ts'
import { parseLsn } from './lsn.ts'

/** PostgreSQL's default, which our initdb leaves as it is. */
export const segmentBytes = 16 * 1024 * 1024
const segmentSize = BigInt(segmentBytes)
const perXlogId = 0x1_0000_0000n / segmentSize
const segmentPattern = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/

/** Where a position is in the history of a cluster: LSNs alone are ambiguous once a second timeline began. */
export interface WalPosition {
  timeline: number
  lsn: bigint
}

/** A timeline that was left for the next one at `endLsn`. */
export interface PastTimeline {
  timeline: number
  endLsn: bigint
}

export function segmentStart(lsn: bigint): bigint {
  return lsn - (lsn % segmentSize)
}

export function segmentEnd(start: bigint): bigint {
  return segmentStart(start) + segmentSize
}

export function segmentName({ timeline, lsn }: WalPosition): string {
  const number = lsn / segmentSize
  const hex = (value: bigint) => value.toString(16).toUpperCase().padStart(8, '0')
  return hex(BigInt(timeline)) + hex(number / perXlogId) + hex(number % perXlogId)
}

/** Where the segment of that name begins; undefined when it is no segment's name. */
export function parseSegmentName(name: string): WalPosition | undefined {
  const [, timeline, upper, segment] = segmentPattern.exec(name) ?? []
  if (timeline === undefined) return undefined
  const number = BigInt(`0x${upper}`) * perXlogId + BigInt(`0x${segment}`)
  return { timeline: Number.parseInt(timeline, 16), lsn: number * segmentSize }
}

export function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`
}

/** The timelines before the one that the file belongs to, oldest first. @throws bad-input on a line that is none. */
export function parseHistory(text: string): PastTimeline[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, timeline, lsn] = /^(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? []
      if (timeline === undefined || lsn === undefined)
        throw new TenfoldError('bad-input', `"${line}" is not a line of a timeline's history`)
      return { timeline: Number(timeline), endLsn: parseLsn(lsn) }
    })
}
