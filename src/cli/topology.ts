// `tenfold topology`: the whole topology, as a file that could be written by hand.

import { TenfoldError } from '../base/errors.ts'
import { topologyReference } from '../topology/reference.ts'
import { missingBelow, presetOf, rungOf } from '../topology/rungs.ts'
import type { Topology } from '../topology/schema.ts'
import { resolveTopology } from '../topology/topology.ts'
import { type Command, wholeNumber } from './command.ts'

export const topology: Command = {
  name: 'topology',
  usage: '[--rung N] [--docs]',
  summary: 'the whole topology, of the running system or of a rung',
  options: { rung: { type: 'string' }, docs: { type: 'boolean' } },
  async run(target, _words, values) {
    if (values['docs'] === true) return target.print(topologyReference(), topologyReference())
    if (values['rung'] === undefined) {
      const { topology: whole } = await (await target.client()).status()
      return target.print(whole, asFile(whole, []))
    }
    const rung = rungOf(wholeNumber(String(values['rung']), '--rung'))
    const whole = resolveTopology({ ...presetOf(rung.number), rung: rung.number })
    const notes = [
      `rung ${rung.number}, ${rung.title}: ${rung.appears}`,
      ...(rung.isBuilt ? [] : ['this rung is not built yet']),
      ...missingBelow(rung.number).map(
        (missing) => `stands without rung ${missing.number} (${missing.title}), which is not built yet`,
      ),
    ]
    target.print(whole, asFile(whole, notes))
  },
}

function asFile(whole: Topology, notes: string[]): string {
  const body = JSON.stringify(whole, null, 2)
    .replace(/^(\s*)"([a-zA-Z]+)":/gm, '$1$2:')
    .replaceAll('"', "'")
  if (body === undefined) throw new TenfoldError('bad-topology', 'the topology cannot be printed')
  return [
    ...notes.map((note) => `// ${note}`),
    "import { defineTopology } from 'tenfold'",
    `export default defineTopology(${body})`,
  ].join('\n')
}
