// Reads and writes of one kind of thing through the cache: read-through, and write-through, write-around or write-back.
//
// In each of them the truth is written first and the cache after it, and a write that fails leaves nothing old in the
// cache: it may have been stored all the same. Writes of one key in one process go one after the other, so that the cache
// ends with the value that was stored last; over several processes a lease sees to that (`replace`).

import { TenfoldError } from '../../base/errors.ts'
import type {
  CacheNamespace,
  KeepOptions,
  Through,
  ThroughOptions,
  WrapOptions,
  WriteBack,
  WriteQueue,
} from './contract.ts'
import { KeyedLine } from './keyed-line.ts'

export interface ReplacingCache extends CacheNamespace {
  replace(key: string, value: unknown, options: KeepOptions, store: () => Promise<void>): Promise<void>
}

/** `name`: with the namespaces around it. */
export function openThrough<T>(
  cache: ReplacingCache,
  name: string,
  options: ThroughOptions<T>,
  writeBack: WriteBack | undefined,
): Through<T> {
  const { load, store, write = 'through' } = options
  const writes = write === 'back' ? (options.writes ?? handled(name, options, writeBack)) : undefined
  const line = new KeyedLine()

  async function loadNewest(key: string): Promise<T | undefined> {
    // What waits in the queue is newer than what is stored.
    const waiting = await writes?.waiting(name, key)
    return waiting ? waiting.value : load(key)
  }

  async function change(key: string, value: T | undefined): Promise<void> {
    if (!store) throw new TenfoldError('conflict', `${name} is read-only: it has no \`store\``)
    const work = () => (writes ? writes.append(name, { key, value }) : store(key, value))
    await line.run(key, () => cache.replace(key, write === 'around' ? undefined : value, options, work))
  }

  const wrapOptions: WrapOptions = {}
  return {
    get: (key) => cache.wrap(key, wrapOptions, () => loadNewest(key)),
    set(key, value) {
      if (value !== undefined) return change(key, value)
      return Promise.reject(new TenfoldError('bad-input', `set of ${name}:${key} to undefined: use delete`))
    },
    delete: (key) => change(key, undefined),
  }
}

/** The queue of the process, which from now on stores what waits under the name. */
function handled<T>(name: string, { store }: ThroughOptions<T>, writeBack: WriteBack | undefined): WriteQueue<T> {
  if (!writeBack)
    throw new TenfoldError('bad-input', `write-back of ${name} needs \`writes\`, a queue that holds them for good`)
  // Nobody but this object writes under its name.
  if (store) writeBack.handle(name, (key, value, write) => store(key, value as T | undefined, write))
  return writeBack.queue as WriteQueue<T>
}
