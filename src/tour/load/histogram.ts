// Latencies with three significant digits in little memory, so that percentiles of many seconds can be added up.
// Source: G. Tene, HdrHistogram: linear sub-buckets inside powers of two.
// Worked example: 5000 us lies in [4096, 8192), which is cut into 1024 sub-buckets of 4 us; it is counted as [5000, 5003].

const subBits = 10
const linearBelow = 2 ** (subBits + 1)
const valueMax = 2 ** 31 - 1

/** What crosses the process boundary and stands in memory per second: only the buckets that are not empty. */
export interface HistogramData {
  indexes: number[]
  counts: number[]
  maxUs: number
}

export class Histogram {
  #counts = new Map<number, number>()
  #total = 0
  #maxUs = 0

  get total(): number {
    return this.#total
  }

  get maxMs(): number {
    return this.#maxUs / 1000
  }

  recordMs(ms: number): void {
    const us = Math.min(valueMax, Math.max(0, Math.round(ms * 1000)))
    const index = indexOf(us)
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + 1)
    this.#total++
    if (us > this.#maxUs) this.#maxUs = us
  }

  /** The value that a share `quantile` of all recorded ones does not exceed; 0 when nothing was recorded. */
  quantileMs(quantile: number): number {
    if (this.#total === 0) return 0
    const rank = Math.max(1, Math.ceil(quantile * this.#total))
    let seen = 0
    for (const index of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(index) ?? 0
      if (seen >= rank) return Math.min(highestOf(index), this.#maxUs) / 1000
    }
    return this.maxMs
  }

  add(data: HistogramData): void {
    for (const [position, index] of data.indexes.entries()) {
      const count = data.counts[position] ?? 0
      this.#counts.set(index, (this.#counts.get(index) ?? 0) + count)
      this.#total += count
    }
    this.#maxUs = Math.max(this.#maxUs, data.maxUs)
  }

  toData(): HistogramData {
    return { indexes: [...this.#counts.keys()], counts: [...this.#counts.values()], maxUs: this.#maxUs }
  }
}

function indexOf(us: number): number {
  if (us < linearBelow) return us
  const shift = 31 - Math.clz32(us) - subBits
  return linearBelow + (shift - 1) * 2 ** subBits + ((us >>> shift) - 2 ** subBits)
}

function highestOf(index: number): number {
  if (index < linearBelow) return index
  const shift = Math.floor((index - linearBelow) / 2 ** subBits) + 1
  const sub = ((index - linearBelow) % 2 ** subBits) + 2 ** subBits
  return (sub + 1) * 2 ** shift - 1
}
