// `tenfold fault`: break something on purpose.

import { type Command, UsageError } from './command.ts'

export const fault: Command = {
  name: 'fault',
  usage: 'kill|pause|resume NODE',
  summary: 'break a node on purpose: SIGKILL, SIGSTOP, SIGCONT',
  words: [2, 2],
  async run(target, [kind, node]) {
    if (kind !== 'kill' && kind !== 'pause' && kind !== 'resume')
      throw new UsageError(`a fault is kill, pause or resume, got ${kind}`)
    const hit = await (await target.client()).fault(kind, String(node))
    target.print(hit, `${kind}: ${hit.node} (pid ${hit.pid})`)
  },
}
