// Lists: every read is a beginning of the list as it is in the end, and who was acknowledged before another one began
// stands before it. Source: K. Kingsbury, P. Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
// Observations" (2020), list-append.

import { type FinalObject, nameOf, type Operation } from '../operation.ts'
import { type Violation, violation } from './violation.ts'

/** Elements that are missing or come twice are collection.ts's business and left out here. */
export function checkOrder(operations: readonly Operation[], final: FinalObject): Violation[] {
  const name = nameOf(final)
  const order = [...new Set(final.elements)]
  const isThere = new Set(order)
  const writes = new Map(operations.filter(({ access }) => access === 'write').map((write) => [write.id, write]))
  const found: Violation[] = []
  for (const read of operations) {
    if (read.access !== 'read' || read.outcome !== 'ok') continue
    const elements = [...new Set(read.seen?.elements)].filter((element) => isThere.has(element))
    const at = elements.findIndex((element, index) => element !== order[index])
    if (at < 0) continue
    const [here, there] = [elements[at] as number, order[at] as number]
    found.push(
      violation(
        'reordered',
        `a read of ${name} has ${here} at place ${at}, where the end has ${there}`,
        writes.get(here),
        writes.get(there),
        read,
      ),
    )
  }
  return [...found, ...checkRealTime(name, order, writes)]
}

/** From the end: the earliest acknowledgement among those that follow must not come before this one began. */
function checkRealTime(name: string, order: readonly number[], writes: ReadonlyMap<number, Operation>): Violation[] {
  const found: Violation[] = []
  let earliest: Operation | undefined
  for (const element of order.toReversed()) {
    const write = writes.get(element)
    if (!write) continue
    if (earliest && earliest.doneMs < write.invokedMs)
      found.push(
        violation(
          'reordered',
          `${name} has ${write.id} before ${earliest.id}, which was acknowledged before ${write.id} began`,
          earliest,
          write,
        ),
      )
    if (write.outcome === 'ok' && (!earliest || write.doneMs < earliest.doneMs)) earliest = write
  }
  return found
}
