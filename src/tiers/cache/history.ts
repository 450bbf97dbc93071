// Whether what was read from a cache could have been read from a register that forgets: never something that was not
// written yet, never something after it was replaced or deleted. Nothing found is always allowed.
//
// Steps are numbered at their start and at their end from one counter, so that "before" means what every observer agrees
// on: a step ended before another began. Between steps that overlap, either order is allowed.
// After M. Herlihy, J. Wing, "Linearizability: A Correctness Condition for Concurrent Objects" (TOPLAS 1990), for one
// register a key whose every write has a value of its own, which makes the check a search for one contradiction.

export interface CacheStep {
  kind: 'set' | 'delete' | 'get'
  key: string
  /** Of a set and of a get that found something. */
  version?: number
  from: number
  to: number
}

export class CacheHistory {
  readonly #steps: CacheStep[] = []
  #counter = 0

  async record(kind: CacheStep['kind'], key: string, work: () => Promise<number | undefined>): Promise<void> {
    const step: CacheStep = { kind, key, from: this.#counter++, to: Number.POSITIVE_INFINITY }
    this.#steps.push(step)
    const version = await work()
    if (version !== undefined) step.version = version
    step.to = this.#counter++
  }

  get reads(): number {
    return this.#steps.filter(({ kind, version }) => kind === 'get' && version !== undefined).length
  }

  /** What cannot be, in words. */
  contradictions(): string[] {
    return this.#steps.flatMap((read) => {
      if (read.kind !== 'get' || read.version === undefined) return []
      const what = `${read.key} read as ${read.version} during ${read.from} to ${read.to}`
      const changes = this.#steps.filter(({ kind, key }) => kind !== 'get' && key === read.key)
      const written = changes.find(({ kind, version }) => kind === 'set' && version === read.version)
      if (!written || written.from > read.to) return [`${what}, and not yet written`]
      const replaced = changes.find(({ from, to }) => from > written.to && to < read.from)
      return replaced ? [`${what}, and replaced during ${replaced.from} to ${replaced.to} (${replaced.kind})`] : []
    })
  }
}
