// `tenfold purge`: throws out what the edge keeps, at every front.

import type { Purge, Purged, Status } from '../control/api.ts'
import { type Command, UsageError, type Values } from './command.ts'

const kinds = ['url', 'prefix', 'tag', 'all'] as const

export const purge: Command = {
  name: 'purge',
  usage: '--url URL | --prefix URL | --tag TAG | --all [--soft]',
  summary:
    'throw out what the edge keeps; --soft: give it only when a server said that it still holds, or none answers',
  options: {
    url: { type: 'string' },
    prefix: { type: 'string' },
    tag: { type: 'string' },
    all: { type: 'boolean' },
    soft: { type: 'boolean' },
  },
  async run(target, _words, values) {
    const client = await target.client()
    const status = await client.status()
    const done: Purged[] = []
    for (const one of purgesOf(values, status)) done.push(await client.purge(one))
    const [last] = done.toReversed()
    const sum = { ...(last as Purged), objects: done.reduce((total, { objects }) => total + objects, 0) }
    target.print(sum, status.topology.edge.enabled ? describe(sum) : 'there is no edge: nothing was kept')
  },
}

/** A path means that path on every public address of the system. */
export function purgesOf(values: Values, { urls }: Pick<Status, 'urls'>): Purge[] {
  const given = kinds.filter((kind) => values[kind] !== undefined && values[kind] !== false)
  const [kind] = given
  if (kind === undefined || given.length > 1) throw new UsageError(`give one of --${kinds.join(', --')}`)
  const soft = values['soft'] === true ? { soft: true } : {}
  if (kind === 'all') return [{ everything: true, ...soft }]
  const text = String(values[kind])
  if (kind === 'tag') return [{ tag: text, ...soft }]
  if (!text.startsWith('/') && !/^https?:\/\//.test(text))
    throw new UsageError(`--${kind} is a URL or a path of it, got ${JSON.stringify(text)}`)
  const addresses = text.startsWith('/') ? [urls.app, ...(urls.tls ? [urls.tls] : [])].map((url) => url + text) : [text]
  return addresses.map((address) => (kind === 'url' ? { url: address, ...soft } : { prefix: address, ...soft }))
}

function describe({ objects, nodes, pending }: Purged): string {
  const answers = `${objects} answer${objects === 1 ? '' : 's'} thrown out at ${nodes.length} front${nodes.length === 1 ? '' : 's'}`
  return pending.length === 0
    ? answers
    : `${answers}; ${pending.join(', ')} did not answer and will do it before serving`
}
