// `tenfold purge`: throws out what the edge keeps, at every front.

import type { Purge, Purged, Status } from '../control/api.ts'
import { type Command, UsageError, type Values } from './command.ts'

const kinds = ['url', 'prefix', 'tag', 'all'] as const

export const purge: Command = {
  name: 'purge',
  usage: '--url URL | --prefix URL | --tag TAG | --all [--soft]',
  summary:
    'throw out what the edge keeps; --soft: give it only when a server said that it still holds, or none answers',
  details: `--url URL      one answer, by its whole URL with query; a path alone (/a?b) means that path on every public address
--prefix URL   all whose URL begins so; a path alone likewise
--tag TAG      all that carry the tag (Cache-Tag: photo-2, user-1)
--all          everything
Returns when every front has done it; one that does not answer is named, and does it before it serves again.`,
  options: {
    url: { type: 'string' },
    prefix: { type: 'string' },
    tag: { type: 'string' },
    all: { type: 'boolean' },
    soft: { type: 'boolean' },
  },
  async run(target, _words, values) {
    const purgesAt = purgesOf(values)
    const client = await target.client()
    const status = await client.status()
    const done: Purged[] = []
    for (const one of purgesAt(status.urls)) done.push(await client.purge(one))
    const [last] = done.toReversed()
    const sum = { ...(last as Purged), objects: done.reduce((total, { objects }) => total + objects, 0) }
    target.print(sum, status.topology.edge.enabled ? describe(sum) : 'there is no edge: nothing was kept')
  },
}

/**
 * What is meant, once the system's addresses are known: a path means that path on each of them.
 * @throws UsageError before anything is asked
 */
export function purgesOf(values: Values): (urls: Status['urls']) => Purge[] {
  const given = kinds.filter((kind) => values[kind] !== undefined && values[kind] !== false)
  const [kind] = given
  if (kind === undefined || given.length > 1) throw new UsageError(`give one of --${kinds.join(', --')}`)
  const soft = values['soft'] === true ? { soft: true } : {}
  if (kind === 'all') return () => [{ everything: true, ...soft }]
  const text = String(values[kind])
  if (text === '') throw new UsageError(`--${kind} is empty`)
  if (kind === 'tag') return () => [{ tag: text, ...soft }]
  if (!text.startsWith('/') && !/^https?:\/\//.test(text))
    throw new UsageError(`--${kind} is a URL or a path of it, got ${JSON.stringify(text)}`)
  const purgeOf = (url: string): Purge => (kind === 'url' ? { url, ...soft } : { prefix: url, ...soft })
  if (!text.startsWith('/')) return () => [purgeOf(text)]
  return ({ app, tls }) => [app, ...(tls ? [tls] : [])].map((address) => purgeOf(address + text))
}

function describe({ objects, nodes, pending }: Purged): string {
  const answers = `${objects} answer${objects === 1 ? '' : 's'} thrown out at ${nodes.length} front${nodes.length === 1 ? '' : 's'}`
  return pending.length === 0
    ? answers
    : `${answers}; ${pending.join(', ')} did not answer and will do it before serving`
}
