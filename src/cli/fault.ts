// `tenfold fault`: break something on purpose.

import type { FaultKind } from '../control/api.ts'
import { type Command, UsageError } from './command.ts'

const kinds: readonly FaultKind[] = ['kill', 'pause', 'resume', 'slow', 'cut']

export const fault: Command = {
  name: 'fault',
  usage: 'kill|pause|resume|slow|cut NODE',
  summary: 'break a node on purpose: kill -9, stop, slow down, cut off; resume ends it',
  words: [2, 2],
  async run(target, [kind, node]) {
    const fault = kinds.find((candidate) => candidate === kind)
    if (!fault) throw new UsageError(`a fault is one of ${kinds.join(', ')}, got ${kind}`)
    const hit = await (await target.client()).fault(fault, String(node))
    target.print(hit, `${kind}: ${hit.node} (pid ${hit.pid})`)
  },
}
