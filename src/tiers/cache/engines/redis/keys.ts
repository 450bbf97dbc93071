// The names of our keys in Redis. What belongs to one key of the cache lies in one slot of a Redis Cluster, since the part
// in braces decides (cluster specification, "hash tags"); a brace of the key's own must not end it early.

import { TenfoldError } from '../../../../base/errors.ts'

/** Where nobody chose another. */
export const defaultPrefix = 'tenfold:'

export class KeyNames {
  readonly prefix: string

  constructor(prefix: string) {
    if (!/^[\w:.-]{1,64}$/.test(prefix))
      throw new TenfoldError('bad-input', `the prefix ${JSON.stringify(prefix)} is not 1 to 64 of a-z, 0-9, _ : . -`)
    this.prefix = prefix
  }

  value = (key: string) => `${this.prefix}v:{${enclosed(key)}}`
  lease = (key: string) => `${this.prefix}l:{${enclosed(key)}}`
  tag = (tag: string) => `${this.prefix}t:{${enclosed(tag)}}`
  lock = (name: string) => `${this.prefix}k:{${enclosed(name)}}`
  lastToken = (name: string) => `${this.prefix}n:{${enclosed(name)}}`
  limit = (name: string, windowMs: number) => `${this.prefix}r:{${enclosed(name)}}${windowMs}`

  /** The beginnings of all leases and all values of keys that start with `start`, in this order (engine.ts says why). */
  starts = (start: string) => ['l', 'v'].map((kind) => `${kind}:{${enclosed(start)}`)

  /** Of the stream of what servers are owed (debt-notices.ts). */
  get debts(): string {
    return `${this.prefix}d:{debts}`
  }

  /** What all names of values, and of tags, begin with. */
  get watched(): [values: string, tags: string] {
    return [`${this.prefix}v:{`, `${this.prefix}t:{`]
  }

  /** What a name of one of these stands for. */
  meaningOf(name: string): { kind: 'key'; key: string } | { kind: 'tag'; tag: string } | undefined {
    const [values, tags] = this.watched
    if (name.startsWith(values)) return { kind: 'key', key: released(name.slice(values.length, -1)) }
    if (name.startsWith(tags)) return { kind: 'tag', tag: released(name.slice(tags.length, -1)) }
    return undefined
  }
}

export function enclosed(key: string): string {
  return key.includes('}') || key.includes('%') ? key.replaceAll('%', '%25').replaceAll('}', '%7D') : key
}

function released(enclosedKey: string): string {
  return enclosedKey.includes('%') ? enclosedKey.replaceAll('%7D', '}').replaceAll('%25', '%') : enclosedKey
}
