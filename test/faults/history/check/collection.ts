// Sets, banks and lists: which elements are there, how often, and what each session sees of them.

import { type FinalObject, nameOf, type Operation, type Seen } from '../operation.ts'
import { type Violation, violation } from './violation.ts'

interface Collection {
  name: string
  writes: ReadonlyMap<number, Operation>
  /** In the order of their beginning. */
  operations: readonly Operation[]
  final: ReadonlyMap<number, number>
}

/** `operations`: all of one object, in the order of their beginning. */
export function checkCollection(operations: readonly Operation[], final: FinalObject): Violation[] {
  const writes = operations.filter(({ access }) => access === 'write')
  const collection: Collection = {
    name: nameOf(final),
    writes: new Map(writes.map((write) => [write.id, write])),
    operations,
    final: countElements(final),
  }
  return [...checkFinal(collection), ...checkReads(collection), ...checkSessions(collection)]
}

function* checkFinal({ name, writes, final }: Collection): Iterable<Violation> {
  for (const write of writes.values()) {
    const times = final.get(write.id) ?? 0
    if (write.outcome === 'ok' && times === 0)
      yield violation('lost', `${name} lacks element ${write.id}, which was acknowledged`, write)
    else if (write.outcome === 'failed' && times > 0)
      yield violation('refused-but-there', `${name} has element ${write.id}, which was refused`, write)
    else if (times > 1) yield violation('doubled', `${name} has element ${write.id} ${times} times`, write)
  }
  for (const element of final.keys())
    if (!writes.has(element)) yield violation('phantom', `${name} has element ${element}, which nobody wrote there`)
}

function* checkReads({ name, writes, operations, final }: Collection): Iterable<Violation> {
  for (const read of operations) {
    if (read.access !== 'read' || read.outcome !== 'ok') continue
    for (const [element, times] of countElements(read.seen)) {
      const write = writes.get(element)
      if (!write) yield violation('phantom', `a read of ${name} has ${element}, which nobody wrote there`, read)
      else if (write.invokedMs > read.doneMs)
        yield violation('from-the-future', `a read of ${name} has ${element} before it was written`, write, read)
      else if (times > 1) yield violation('doubled', `a read of ${name} has ${element} ${times} times`, write, read)
      else if (write.outcome === 'failed')
        yield violation('refused-but-there', `a read of ${name} has ${element}, which was refused`, write, read)
      else if (write.outcome === 'unknown' && !final.has(element))
        yield violation('vanished', `a read of ${name} has ${element}, which is gone at the end`, write, read)
    }
  }
}

/** Reads of a session hold all that it wrote, and all that it saw before. */
function* checkSessions({ name, operations }: Collection): Iterable<Violation> {
  const knownOf = new Map<number, Map<number, Operation>>()
  for (const operation of operations) {
    if (operation.outcome !== 'ok') continue
    const known = knownOf.get(operation.session) ?? new Map<number, Operation>()
    knownOf.set(operation.session, known)
    if (operation.access === 'write') {
      known.set(operation.id, operation)
      continue
    }
    const seen = new Set(operation.seen?.elements)
    for (const [element, from] of known) {
      if (seen.has(element)) continue
      const rule = from.access === 'write' ? 'own-write-missing' : 'went-back'
      const what = from.access === 'write' ? 'wrote' : 'saw'
      yield violation(rule, `session ${operation.session} ${what} ${element} in ${name}, then not`, from, operation)
    }
    for (const element of seen) if (!known.has(element)) known.set(element, operation)
  }
}

function countElements(seen: Seen | undefined): Map<number, number> {
  const counts = new Map<number, number>()
  for (const element of seen?.elements ?? []) counts.set(element, (counts.get(element) ?? 0) + 1)
  return counts
}
