// Traces that are made here and the same on every machine: popularity by Zipf's law, alone and among scans and loops.

import { type Random, seededRandom } from '../../../src/base/random.ts'
import { numbered, type Trace } from './read-trace.ts'

const objects = 100_000

export function zipfTrace(skew: number, requests = 1_000_000): Trace {
  return numbered(zipfNumbers({ skew, objects, requests, random: seededRandom(7) }))
}

/** Every fifth request is for something that is never asked for again. */
export function scanTrace(requests = 1_000_000): Trace {
  return numbered(mixed(requests, 5, (n) => objects + n))
}

/** Every third request is the next one of a loop of 10,000. */
export function zipfLoopTrace(requests = 1_000_000): Trace {
  return numbered(mixed(requests, 3, (n) => objects + (n % 10_000)))
}

function* mixed(requests: number, every: number, other: (n: number) => number): Generator<number> {
  const popular = zipfNumbers({ skew: 1, objects, requests, random: seededRandom(11) })
  for (let i = 0; i < requests; i++) {
    if (i % every === 0) yield other(i / every)
    else yield popular.next().value as number
  }
}

export interface ZipfOptions {
  skew: number
  objects: number
  requests: number
  random: Random
}

/** Numbers from 0, the most popular first. */
export function* zipfNumbers({ skew, objects, requests, random }: ZipfOptions): Generator<number> {
  const sums = new Float64Array(objects)
  let sum = 0
  for (let i = 0; i < objects; i++) sums[i] = sum += 1 / (i + 1) ** skew
  for (let i = 0; i < requests; i++) {
    const drawn = random.next() * sum
    let [low, high] = [0, objects - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < drawn) low = middle + 1
      else high = middle
    }
    yield low
  }
}
