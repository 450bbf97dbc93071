// The segment of the log that is being received, in memory: bytes in, whole segments out.

import { TenfoldError } from '../../base/errors.ts'
import { formatLsn } from '../../programs/postgres/lsn.ts'
import { segmentBytes, segmentStart, type WalPosition } from '../../programs/postgres/wal-segment.ts'

export interface WholeSegment extends WalPosition {
  /** Valid until the next one is asked for. */
  content: Buffer
  /** Where the next one begins. */
  next: WalPosition
}

export class SegmentBuffer {
  readonly #timeline: number
  readonly #bytes = Buffer.alloc(segmentBytes)
  #start: bigint
  #length = 0

  /** `from` is the beginning of a segment. */
  constructor(from: WalPosition) {
    if (segmentStart(from.lsn) !== from.lsn) throw new Error('a segment is received from its beginning')
    this.#timeline = from.timeline
    this.#start = from.lsn
  }

  /** Where the segment begins. */
  get start(): WalPosition {
    return { timeline: this.#timeline, lsn: this.#start }
  }

  /** Up to where the log has been received. */
  get position(): WalPosition {
    return { timeline: this.#timeline, lsn: this.#start + BigInt(this.#length) }
  }

  /** What there is of the segment. */
  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Yields each segment that the bytes complete. @throws program-failed when they do not follow what came before. */
  *append(lsn: bigint, bytes: Buffer): Generator<WholeSegment> {
    if (lsn !== this.position.lsn)
      throw new TenfoldError(
        'program-failed',
        `the log goes on at ${formatLsn(lsn)}, not at ${formatLsn(this.position.lsn)} where it was`,
      )
    for (let rest = bytes; rest.length > 0; ) {
      const taken = rest.copy(this.#bytes, this.#length)
      this.#length += taken
      rest = rest.subarray(taken)
      if (this.#length < segmentBytes) continue
      yield { ...this.start, content: this.#bytes, next: this.position }
      this.#start += BigInt(segmentBytes)
      this.#length = 0
    }
  }
}
