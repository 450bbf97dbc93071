// What this process knows of streams: their partitions and rings, which never change, read once. A stream is made outside of
// anybody's transaction: made inside of one, it would make all others wait for that one's end.

import { TenfoldError } from '../../../../../base/errors.ts'
import type { ShardDatabase } from '../../../../database/contract.ts'
import type { StreamTerms } from '../../../streams/contract.ts'
import { streamDefaults } from '../../../streams/options.ts'
import { ringOf, rings } from './rings.ts'
import { defineStatement } from './statements.ts'

export interface KnownStream {
  partitions: number
  ring: number
}

interface StreamRow {
  partitions: number
  keep_ms: string
  ring: number
}

/** Streams that are kept in mind; more than any app has names for. */
const knownMax = 10_000

export class KnownStreams {
  readonly #shards: () => readonly ShardDatabase[]
  readonly #known = new Map<string, KnownStream>()

  constructor(shards: () => readonly ShardDatabase[]) {
    this.#shards = shards
  }

  /** Streams that this process has had to do with. */
  get names(): ReadonlySet<string> {
    return new Set([...this.#known.keys()].map((name) => name.slice(name.indexOf('/') + 1)))
  }

  /** Of a stream that is there on that shard already, or made now with the defaults. */
  async on(shard: ShardDatabase, stream: string): Promise<KnownStream> {
    return this.#known.get(`${shard.id}/${stream}`) ?? (await this.#makeOn(shard, stream, {}))
  }

  /** On every shard: a transaction does not say which one it is on. */
  async everywhere(stream: string): Promise<KnownStream> {
    const [first, ...others] = this.#shards()
    if (!first) throw new TenfoldError('unavailable', 'the map has no shard to keep streams on')
    const known = await this.on(first, stream)
    for (const shard of others) await this.on(shard, stream)
    return known
  }

  async define(stream: string, definition: StreamTerms): Promise<Required<StreamTerms>> {
    let known: (KnownStream & { keepMs: number }) | undefined
    for (const shard of this.#shards()) known = await this.#makeOn(shard, stream, definition)
    if (!known) throw new TenfoldError('unavailable', 'the map has no shard to keep streams on')
    return { partitions: known.partitions, keepMs: known.keepMs }
  }

  async #makeOn(
    shard: ShardDatabase,
    stream: string,
    definition: StreamTerms,
  ): Promise<KnownStream & { keepMs: number }> {
    const { keepMs = streamDefaults.keepMs, partitions = streamDefaults.partitions } = definition
    const values = [stream, partitions, keepMs, ringOf(keepMs), definition.keepMs !== undefined]
    const [row] = await shard.query<StreamRow>(defineStatement, values)
    if (!row) throw new TenfoldError('unavailable', `stream ${stream} was neither made nor found`)
    if (definition.partitions !== undefined && definition.partitions !== row.partitions)
      throw new TenfoldError(
        'conflict',
        `stream ${stream} has ${row.partitions} partitions for ever, it is defined with ${definition.partitions}: ` +
          'give the stream with another number another name',
      )
    const { keepMsMax } = rings[row.ring] ?? rings[0]
    if (Number(row.keep_ms) > keepMsMax)
      throw new TenfoldError(
        'conflict',
        `stream ${stream} was made to keep at most ${keepMsMax} ms, it is defined with ${row.keep_ms}: ` +
          'give the stream that keeps longer another name',
      )
    const known = { partitions: row.partitions, ring: row.ring, keepMs: Number(row.keep_ms) }
    if (this.#known.size >= knownMax) this.#known.clear()
    this.#known.set(`${shard.id}/${stream}`, known)
    return known
  }
}
