// What happened to the values of one name: the part of a key before its first colon, `user` of `user:7`.

/** A cache whose keys have no names would count under each of its keys; what comes after so many names is counted as one. */
const namesMax = 256
const otherNames = '(others)'

export class NameCounts {
  readonly name: string
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
  }
}

export class CountsByName {
  readonly #names = new Map<string, NameCounts>()

  /** Those of the key's name. */
  of(key: string): NameCounts {
    const colon = key.indexOf(':')
    const name = colon === -1 ? '' : key.slice(0, colon)
    return this.#names.get(name) ?? this.#add(name)
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
