// About how often a key was asked for lately, those that are not kept included.
//
// Source: G. Einziger, R. Friedman, B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy" (ACM Transactions on
// Storage, 2017): a count-min sketch whose counters stop at 15 and are halved after ten additions for each key kept.
// The smallest of four counters is the estimate; it may be too high where keys collide, never too low since the halving.

const probes = 4
const counterMax = 15
const countersPerKey = 8
const additionsPerKey = 10
const seeds = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f]

export class FrequencySketch {
  #counters = new Uint8Array(512)
  #additions = 0

  /** `keys`: how many are kept now. */
  add(hash: number, keys: number): void {
    if (keys * countersPerKey > this.#counters.length) this.#grow()
    const counters = this.#counters
    for (let i = 0; i < probes; i++) {
      const at = this.#at(hash, i)
      const count = counters[at] as number
      if (count < counterMax) counters[at] = count + 1
    }
    if (++this.#additions >= additionsPerKey * Math.max(keys, 16)) this.#halve()
  }

  of(hash: number): number {
    let least = counterMax
    for (let i = 0; i < probes; i++) least = Math.min(least, this.#counters[this.#at(hash, i)] as number)
    return least
  }

  #at(hash: number, probe: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), seeds[probe] as number)
    return (mixed ^ (mixed >>> 13)) & (this.#counters.length - 1)
  }

  #halve(): void {
    const counters = this.#counters
    for (let i = 0; i < counters.length; i++) counters[i] = (counters[i] as number) >>> 1
    this.#additions >>>= 1
  }

  /** Twice as wide, each half a copy: what a key's counters say is the same, at first collisions included. */
  #grow(): void {
    const wider = new Uint8Array(this.#counters.length * 2)
    wider.set(this.#counters)
    wider.set(this.#counters, this.#counters.length)
    this.#counters = wider
  }
}
