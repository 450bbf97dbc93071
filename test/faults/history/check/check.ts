// The checker: pure functions over what clients recorded and what was there in the end. It knows nothing of PostgreSQL, of
// replicas or of faults, and so it serves every fault test alike.

import { type FinalObject, nameOf, type Operation } from '../operation.ts'
import { checkBank } from './bank.ts'
import { checkCollection } from './collection.ts'
import { checkCounter } from './counter.ts'
import { checkOrder } from './order.ts'
import { type Violation, violation } from './violation.ts'

/** Every broken promise; none when the history is one of a correct system. */
export function checkHistory(history: readonly Operation[], final: readonly FinalObject[]): Violation[] {
  const finals = new Map(final.map((object) => [nameOf(object), object]))
  const found = checkJoined(history)
  for (const [name, operations] of groupByObject(history)) {
    const object = finals.get(name)
    if (object) found.push(...checkObject(operations, object))
    else found.push(violation('not-read', `${name} is not in the final state`, operations[0]))
  }
  return found
}

function checkObject(operations: readonly Operation[], final: FinalObject): Violation[] {
  switch (final.object) {
    case 'counter':
      return checkCounter(operations, final)
    case 'bank':
      return [...checkCollection(operations, final), ...checkBank(operations, final)]
    case 'list':
      return [...checkCollection(operations, final), ...checkOrder(operations, final)]
    default:
      return checkCollection(operations, final)
  }
}

/** A session works only after its join was acknowledged: nobody may then take it for a stranger. */
function checkJoined(history: readonly Operation[]): Violation[] {
  return history
    .filter(({ object, failure }) => object !== 'session' && failure === 'unauthorized')
    .map((operation) => violation('session-lost', `session ${operation.session} is not known any more`, operation))
}

/** Operations in the order of their beginning; joins left out, which are no object's. */
function groupByObject(history: readonly Operation[]): Map<string, Operation[]> {
  const groups = new Map<string, Operation[]>()
  for (const operation of history.toSorted((a, b) => a.invokedMs - b.invokedMs || a.id - b.id)) {
    if (operation.object === 'session') continue
    const name = nameOf(operation)
    const group = groups.get(name)
    if (group) group.push(operation)
    else groups.set(name, [operation])
  }
  return groups
}
