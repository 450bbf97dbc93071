// The streams that apps hold: checks, batches and readers, written once over any engine.

import { randomUUID } from 'node:crypto'
import type { BaseLogger } from 'pino'
import { type Clock, systemClock } from '../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../base/errors.ts'
import { type Random, systemRandom } from '../../../base/random.ts'
import { AppendBatch } from './append-batch.ts'
import type {
  Appended,
  AppendOptions,
  Entry,
  EntryHandler,
  EntryPayload,
  EntrySchema,
  HoldRequest,
  NewEntry,
  Stream,
  StreamDefinition,
  StreamEngine,
  StreamState,
  Streams,
  StreamsIn,
} from './contract.ts'
import { GroupReader } from './group-reader.ts'
import {
  appendManyMax,
  checkConsume,
  checkDefinition,
  checkEntry,
  checkGroupName,
  checkPlace,
  checkStreamName,
} from './options.ts'

export interface StreamTierOptions {
  log: Pick<BaseLogger, 'warn' | 'error'>
  /** Names this process among the readers of a group. */
  node?: string
  clock?: Clock
  random?: Random
  /** The traceparent of whoever appends now. */
  trace?(): string | undefined
}

export class StreamTier {
  readonly streams: Streams
  readonly #engine: StreamEngine
  readonly #log: StreamTierOptions['log']
  readonly #node: string | undefined
  readonly #trace: () => string | undefined
  readonly #readers = new Map<string, GroupReader>()
  readonly #definitions = new Map<string, StreamDefinition>()
  /** Definitions that the engine was told of. */
  readonly #made = new Map<string, Promise<unknown>>()
  readonly #batch: AppendBatch
  #watch: { close(): Promise<void> } | undefined
  #hasStarted = false

  constructor(engine: StreamEngine, options: StreamTierOptions) {
    const { log, node, clock = systemClock, random = systemRandom, trace = () => undefined } = options
    this.#engine = engine
    this.#log = log
    this.#node = node
    this.#trace = trace
    this.#batch = new AppendBatch(engine, clock)
    // A life of its own: an earlier process of this name never answers for it.
    const holder = `${node ?? 'process'}#${randomUUID()}`
    this.streams = {
      defineStream: <Input extends EntryPayload, Output extends EntryPayload>(
        stream: string,
        definition: StreamDefinition<Input, Output>,
      ) => {
        this.#define(stream, definition)
        return this.#streamOf<Input, Output>(stream)
      },
      stream: (stream) => {
        checkStreamName(stream)
        return this.#streamOf(stream)
      },
      consume: <P extends EntryPayload>(
        stream: string,
        options: Parameters<Streams['consume']>[1],
        handler: EntryHandler<P>,
      ) => {
        const { group, from, leaseMs, ...lane } = checkConsume(stream, options)
        const name = `${stream}/${group}`
        if (this.#hasStarted)
          throw new TenfoldError(
            'conflict',
            `consume('${stream}') came after the workers had started: call it in setup`,
          )
        if (this.#readers.has(name))
          throw new TenfoldError('conflict', `group ${group} of ${stream} has a reader already`)
        const request: HoldRequest = { stream, group, holder, leaseMs, from }
        const checked = this.#checking(stream, handler as EntryHandler)
        const defined = {
          ...engine,
          hold: (asked: HoldRequest) => this.#defined(stream).then(() => engine.hold(asked)),
        }
        this.#readers.set(name, new GroupReader(defined, request, checked, lane, { log, clock, random }))
      },
      rewind: async (stream, group, to) => {
        checkStreamName(stream)
        checkGroupName(group)
        checkPlace(to)
        await engine.rewind({ stream, group }, to)
        this.#hint(stream)
      },
    }
  }

  /** Lanes in which something is being handled here. */
  get inFlight(): number {
    let sum = 0
    for (const reader of this.#readers.values()) sum += reader.inFlight
    return sum
  }

  in(tx: Parameters<StreamEngine['appendIn']>[0]): StreamsIn {
    return {
      append: async (stream, payload, { key } = {}) => {
        const entry = await this.#entryOf(stream, payload, key)
        await this.#defined(stream)
        await this.#engine.appendIn(tx, [entry])
        this.#hint(stream) // before the commit, which nobody tells us of: readers look often for a moment
      },
    }
  }

  /** May be called twice, and after stop. */
  startReaders(): void {
    this.#hasStarted = true
    if (this.#readers.size === 0 || this.#watch) return
    this.#watch = this.#engine.watch((stream) => this.#hint(stream))
    void this.#start()
  }

  /** Handles no more; what is not finished in `drainMs` keeps its lane until its lease has run out. */
  async stopReaders(drainMs: number): Promise<void> {
    await Promise.all([...this.#readers.values()].map((reader) => reader.stop(drainMs)))
    await this.#watch?.close()
    this.#watch = undefined
  }

  /** Frees what an earlier process of this name held: it is gone, or would not be called as we are. */
  async #start(): Promise<void> {
    try {
      if (this.#node !== undefined) await this.#engine.release(this.#node)
    } catch (error) {
      this.#log.warn({ err: error }, `lanes of an earlier process wait for their leases' end: ${describeError(error)}`)
    }
    if (this.#watch) for (const reader of this.#readers.values()) reader.start()
  }

  list(): Promise<StreamState[]> {
    return this.#engine.list()
  }

  #streamOf<Input extends EntryPayload, Output extends EntryPayload>(name: string): Stream<Input, Output> {
    return {
      name,
      append: async (payload, options) => {
        const [appended] = await this.#append(name, [{ payload, ...options }])
        if (!appended) throw new TenfoldError('unavailable', `the engine did not say where an entry of ${name} is`)
        return appended
      },
      appendMany: (entries) => this.#append(name, entries),
      in: (tx) => ({ append: (payload, options) => this.in(tx).append(name, payload, options) }),
      consume: (options, handler) => this.streams.consume(name, options, handler),
      rewind: (group, to) => this.streams.rewind(name, group, to),
    }
  }

  #define(stream: string, definition: StreamDefinition): void {
    checkDefinition(stream, definition)
    if (this.#definitions.has(stream)) throw new TenfoldError('conflict', `stream ${stream} is defined already`)
    this.#definitions.set(stream, definition)
  }

  /** @throws conflict when the stream is another one than was defined here */
  #defined(stream: string): Promise<unknown> {
    const definition = this.#definitions.get(stream)
    if (!definition) return Promise.resolve()
    const made = this.#made.get(stream) ?? this.#engine.define(stream, definition)
    this.#made.set(stream, made)
    made.catch(() => this.#made.delete(stream))
    return made
  }

  async #append(
    stream: string,
    entries: ReadonlyArray<{ payload: EntryPayload } & AppendOptions>,
  ): Promise<Appended[]> {
    if (entries.length > appendManyMax)
      throw new TenfoldError('too-large', `appendMany takes ${appendManyMax} entries at most, got ${entries.length}`)
    const schema = this.#definitions.get(stream)?.schema
    // Without a schema nothing is waited for here, so that entries of one caller keep the order of its calls.
    const checked = schema
      ? await Promise.all(entries.map(({ payload, key }) => this.#entryOf(stream, payload, key)))
      : entries.map(({ payload, key }) => this.#newEntry(stream, payload, key))
    if (this.#definitions.has(stream)) await this.#defined(stream)
    if (checked.length === 0) return []
    const appended = await this.#batch.add(checked)
    this.#hint(stream)
    return appended
  }

  async #entryOf(stream: string, payload: EntryPayload, key: string | undefined): Promise<NewEntry> {
    const schema = this.#definitions.get(stream)?.schema
    const entry = this.#newEntry(stream, payload, key)
    // As readers will get it: a Date is text by then.
    if (schema) await valid(schema, JSON.parse(entry.body), `an entry for ${stream}`)
    return entry
  }

  #newEntry(stream: string, payload: EntryPayload, key: string | undefined): NewEntry {
    return { stream, body: checkEntry(stream, payload, key), key, trace: this.#trace() }
  }

  /** Handlers get what the schema makes of a payload. One that does not fit it fails, as if its handler had. */
  #checking(stream: string, handler: EntryHandler): EntryHandler {
    return async (entries, context) => {
      const schema = this.#definitions.get(stream)?.schema
      if (!schema) return handler(entries, context)
      const typed: Entry[] = []
      for (const entry of entries) {
        const payload = await valid(schema, entry.payload, `the entry at ${entry.position} of ${stream}`)
        typed.push({ ...entry, payload: payload as EntryPayload })
      }
      return handler(typed, context)
    }
  }

  #hint(stream: string): void {
    for (const reader of this.#readers.values()) if (reader.stream === stream) reader.hint()
  }
}

/** What the schema made of the value. @throws bad-input */
async function valid(schema: EntrySchema, value: unknown, what: string): Promise<unknown> {
  const answer = await schema['~standard'].validate(value)
  if (!answer.issues) return answer.value
  throw new TenfoldError(
    'bad-input',
    `${what} does not fit its schema: ${answer.issues.map(({ message }) => message).join('; ')}`,
  )
}
