// What happened to the values of one name: the part of a key before its first colon, `user` of `user:7`.

/** A cache whose keys have no names would count under each of its keys; what comes after so many names is counted as one. */
const namesMax = 256
const otherNames = '(others)'

export class NameCounts {
  readonly name: string
  /** What keys of the name begin with. */
  readonly start: string
  /** Of values that are gone; of those that are here, what was settled. */
  hits = 0
  misses = 0
  sets = 0
  evictions = 0
  expirations = 0
  count = 0
  bytes = 0
  /** Of all that was evicted together; with `evictions`, how long a value is kept before it has to leave. */
  evictedAgeMs = 0

  constructor(name: string) {
    this.name = name
    this.start = `${name}:`
  }
}

export class CountsByName {
  readonly #names = new Map<string, NameCounts>()
  #last: NameCounts | undefined

  /** Those of the key's name. The last one is often the next, and to compare costs a third of cutting the name out. */
  of(key: string): NameCounts {
    if (this.#last && key.startsWith(this.#last.start)) return this.#last
    const colon = key.indexOf(':')
    const name = colon === -1 ? '' : key.slice(0, colon)
    this.#last = this.#names.get(name) ?? this.#add(name)
    return this.#last
  }

  all(): NameCounts[] {
    return [...this.#names.values()]
  }

  #add(name: string): NameCounts {
    const own = this.#names.size < namesMax ? name : otherNames
    const counts = this.#names.get(own) ?? new NameCounts(own)
    this.#names.set(own, counts)
    return counts
  }
}
