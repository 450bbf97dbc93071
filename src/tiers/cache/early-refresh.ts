// Renewal before the end, by chance and so by few: the nearer the end and the slower the load, the likelier.
//
// Source: A. Vattani, F. Chierichetti, K. Lowenstein, "Optimal Probabilistic Cache Stampede Prevention" (VLDB 2015),
// XFetch: renew when now - delta * beta * ln(random) reaches the end; delta is how long the load took, beta is 1 at best.
//
//     delta 100 ms, beta 1: 100 ms before the end each request renews with probability e^-1 = 37 %, 300 ms before with 5 %.

import type { Random } from '../../base/random.ts'

/** -ln of the smallest number but zero that 32 random bits give is 22.2: before that no draw can be early. */
const drawMax = 23

export function isEarly(nowMs: number, endMs: number, loadMs: number, beta: number, random: Random): boolean {
  return nowMs - loadMs * beta * Math.log(Math.max(random.next(), 2 ** -32)) >= endMs
}

/** From when on `isEarly` can be true; a hit before that need not ask. */
export function earlyFrom(endMs: number, loadMs: number, beta: number): number {
  return endMs - drawMax * loadMs * beta
}
