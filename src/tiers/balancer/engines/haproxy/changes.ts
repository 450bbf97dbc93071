// From one snapshot of the servers to the next: what a running HAProxy can be told, and what needs a reload.

import type { Upstream, Upstreams } from '../../contract.ts'
import { panicFloor } from './configuration/backends.ts'
import { serverArguments, serverWeight } from './configuration/server-line.ts'
import { backends } from './configuration/text.ts'
import { serverName } from './server-names.ts'

/** Server names to the two forms in which each stands. */
const forms = [
  { backend: backends.checked, isChecked: true },
  { backend: backends.all, isChecked: false },
] as const

export interface Command {
  text: string
  /** What HAProxy answers when it is done. */
  done?: RegExp
}

export interface Changes {
  commands: Command[]
  /** Names of servers that take no more requests: workers of before a reload must know that too. */
  stopped: string[]
  /** Names of servers that are not there any more, to be deleted when their last connection is gone. */
  left: string[]
}

/** Undefined when only a reload gets there. */
export function changesBetween(before: Upstreams, after: Upstreams, leaving: ReadonlySet<string>): Changes | undefined {
  if (settingsOf(before) !== settingsOf(after)) return undefined
  const known = new Map(before.servers.map((server) => [serverName(server), server]))
  const wanted = new Map(after.servers.map((server) => [serverName(server), server]))
  const entered = [...wanted].filter(([name]) => !known.has(name))
  // One that had left, and is not deleted yet, comes back as it was.
  const returned = entered.filter(([name]) => leaving.has(name))
  const added = entered.filter(([name]) => !leaving.has(name))
  // A cookie can be had from the configuration only.
  if (added.length > 0 && after.sticky === 'cookie') return undefined
  const left = [...known.keys()].filter((name) => !wanted.has(name))
  const draining = [...wanted].filter(([name, server]) => server.isDraining && known.get(name)?.isDraining === false)
  const stopped = [...left, ...draining.map(([name]) => name)]
  return {
    commands: [
      ...entering(added, after),
      ...returning(returned, after),
      ...changing(wanted, known, before, after),
      ...stopping(stopped),
    ],
    stopped,
    left,
  }
}

export function stopping(names: readonly string[]): Command[] {
  return names.flatMap((name) => forms.map(({ backend }) => ({ text: `set server ${backend}/${name} state maint` })))
}

export function deleting(name: string): Command[] {
  return forms.map(({ backend }) => ({ text: `del server ${backend}/${name}`, done: /deleted/ }))
}

/** New ones first, so that there is always somebody. */
function entering(added: ReadonlyArray<[string, Upstream]>, after: Upstreams): Command[] {
  return added.flatMap(([name, server]) =>
    forms.flatMap(({ backend, isChecked }) => [
      { text: `add server ${backend}/${serverArguments(server, after, { isChecked })}`, done: /registered/ },
      ...(isChecked ? [{ text: `enable health ${backend}/${name}` }] : []),
      ...(server.isDraining ? [] : [{ text: `set server ${backend}/${name} state ready` }]),
    ]),
  )
}

function returning(returned: ReadonlyArray<[string, Upstream]>, after: Upstreams): Command[] {
  return returned.flatMap(([name, server]) =>
    forms.flatMap(({ backend, isChecked }) => [
      { text: `set server ${backend}/${name} weight ${serverWeight(server, after, { isReserve: !isChecked })}` },
      ...(server.isDraining ? [] : [{ text: `set server ${backend}/${name} state ready` }]),
    ]),
  )
}

/** A new server of a new worker has its whole share at once; coming out of maintenance it gets it slowly. */
export function rampingUp(names: readonly string[]): Command[] {
  return names.flatMap((name) =>
    ['maint', 'ready'].map((state) => ({ text: `set server ${backends.checked}/${name} state ${state}` })),
  )
}

function changing(
  wanted: ReadonlyMap<string, Upstream>,
  known: ReadonlyMap<string, Upstream>,
  before: Upstreams,
  after: Upstreams,
): Command[] {
  const commands: Command[] = []
  for (const [name, server] of wanted) {
    const old = known.get(name)
    if (old === undefined) continue
    for (const { backend, isChecked } of forms) {
      const weight = serverWeight(server, after, { isReserve: !isChecked })
      if (weight !== serverWeight(old, before, { isReserve: !isChecked }))
        commands.push({ text: `set server ${backend}/${name} weight ${weight}` })
      if (old.isDraining && !server.isDraining) commands.push({ text: `set server ${backend}/${name} state ready` })
    }
  }
  return commands
}

/** Everything that stands in the configuration beside the servers themselves. */
function settingsOf(upstreams: Upstreams): string {
  const { servers: _servers, ...settings } = upstreams
  return JSON.stringify([settings, panicFloor(upstreams)])
}
