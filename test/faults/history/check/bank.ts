// Banks: whatever is read adds up to nothing, and is what the transfers that were read with it make of it.

import { type FinalObject, nameOf, type Operation, type Seen, type Transfer } from '../operation.ts'
import { type Violation, violation } from './violation.ts'

export function checkBank(operations: readonly Operation[], final: FinalObject): Violation[] {
  const name = nameOf(final)
  const transfers = new Map(operations.flatMap(({ id, transfer }) => (transfer ? [[id, transfer] as const] : [])))
  const reads = operations.filter(({ access, outcome }) => access === 'read' && outcome === 'ok')
  return [
    ...reads.flatMap((read) => [...checkBalances(`a read of ${name}`, read.seen, transfers, read)]),
    ...checkBalances(`${name}, in the end,`, final, transfers),
  ]
}

function* checkBalances(
  what: string,
  seen: Seen | undefined,
  transfers: ReadonlyMap<number, Transfer>,
  by?: Operation,
): Iterable<Violation> {
  const balances = new Map(Object.entries(seen?.balances ?? {}))
  const total = [...balances.values()].reduce((sum, balance) => sum + balance, 0)
  if (total !== 0) yield violation('unbalanced', `${what} adds up to ${total}`, by)
  for (const element of seen?.elements ?? []) {
    const transfer = transfers.get(element)
    if (!transfer) return // a phantom, reported as such
    const { from, to, amount } = transfer
    balances.set(String(from), (balances.get(String(from)) ?? 0) + amount)
    balances.set(String(to), (balances.get(String(to)) ?? 0) - amount)
  }
  const rest = [...balances].filter(([, balance]) => balance !== 0)
  if (rest.length > 0 && total === 0)
    yield violation('torn', `${what} is not what its transfers make: ${JSON.stringify(Object.fromEntries(rest))}`, by)
}
