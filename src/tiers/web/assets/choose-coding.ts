// Which of the compressed forms a client gets (RFC 9110, 12.5.3): of those that it likes best the smallest.

import type { Coding } from './precompress.ts'

/** `sizes`: of each form that there is. Undefined: as it is. */
export function chooseCoding(
  acceptEncoding: string | undefined,
  sizes: Partial<Record<Coding, number>>,
): Coding | undefined {
  if (acceptEncoding === undefined) return undefined
  const weights = weightsOf(acceptEncoding)
  let best: { coding: Coding; weight: number; size: number } | undefined
  for (const [coding, size] of Object.entries(sizes) as Array<[Coding, number]>) {
    const weight =
      weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined) ?? weights.get('*') ?? 0
    if (weight === 0) continue
    if (!best || weight > best.weight || (weight === best.weight && size < best.size)) best = { coding, weight, size }
  }
  return best && best.weight >= (weights.get('identity') ?? 0) ? best.coding : undefined
}

/** `br;q=0.8, gzip` -> br 0.8, gzip 1. What is no number counts as 0. */
function weightsOf(field: string): Map<string, number> {
  const weights = new Map<string, number>()
  for (const part of field.split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const q = parameters.find((parameter) => parameter.startsWith('q='))
    const weight = q === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q.slice(2)) ? Number(q.slice(2)) : 0
    if (coding !== '') weights.set(coding, weight)
  }
  return weights
}
