// `tenfold cache`: whether it hits, what is in it, and what more memory would bring.

import type { CacheName, CacheNodeReport, CacheSummary } from '../control/api.ts'
import type { Command } from './command.ts'

const namesShown = 20
const hotKeysShown = 10
const keyCharactersMax = 60

export const cache: Command = {
  name: 'cache',
  usage: '',
  summary: 'hit ratio by name, the working set, and what more memory would bring',
  async run(target) {
    const summary = await (await target.client()).cache()
    target.print(summary, describe(summary))
  },
}

function describe({ hitRatio, names, memory, hotKeys, writeBack, nodes }: CacheSummary): string {
  if (!memory) return 'no process with a cache answers'
  const asked = names.reduce((sum, name) => sum + name.asked, 0)
  const rows = names.slice(0, namesShown).map(rowOf)
  const left = names.length - rows.length
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => String(row[i]).length)))
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return [
    asked === 0 ? 'nothing was asked for yet' : `${asked} asked for, ${percent(hitRatio)} found`,
    ...(rows.length > 0 ? [line(headings), ...rows.map(line)] : []),
    ...(left > 0 ? [`and ${left} names more`] : []),
    ...(hotKeys.length > 0 ? [`asked for most: ${hotKeys.slice(0, hotKeysShown).map(hotKey).join(', ')}`] : []),
    ...(writeBack ?? []).map(describeWaiting),
    `working set ${size(memory.workingSetBytes)}; each process has ${size(memory.bytesMax)} of memory`,
    ...memory.gains.map(({ moreBytes, hitRatio }) =>
      moreBytes > 0
        ? `with ${size(moreBytes)} more in each process you would gain ${percent(hitRatio)} there`
        : `with ${size(-moreBytes)} less you would lose ${percent(Math.abs(hitRatio))}`,
    ),
    ...Object.entries(nodes)
      .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
      .map(([id, node]) => `${id}: ${describeNode(node)}`),
  ].join('\n')
}

const headings = ['name', 'asked', 'found', 'in process', 'then shared', 'values', 'memory', 'evicted']

function rowOf({ name, asked, hitRatio, nearHitRatio, farHitRatio, values, bytes, evictions }: CacheName): string[] {
  const ratios = [hitRatio, nearHitRatio, farHitRatio].map(percent)
  return [name || '(no name)', String(asked), ...ratios, String(values), size(bytes), String(evictions)]
}

type Waiting = NonNullable<CacheSummary['writeBack']>[number]

function describeWaiting({ name, waiting, failing, oldestMs }: Waiting): string {
  if (waiting === 0) return `write-back of ${name}: all is stored`
  const trouble = failing === 0 ? '' : `, of which ${failing} could not be stored yet (the logs say why)`
  return `write-back of ${name}: ${waiting} keys wait, the oldest for ${(oldestMs / 1000).toFixed(1)} s${trouble}`
}

function hotKey({ key, share }: CacheSummary['hotKeys'][number]): string {
  return `${key.length > keyCharactersMax ? `${key.slice(0, keyCharactersMax)}…` : key} ${percent(share)}`
}

function describeNode({ bytes, bytesMax, values, hits, misses, evictions }: CacheNodeReport): string {
  const ratio = hits + misses === 0 ? '' : `, ${percent(hits / (hits + misses))} of reads found`
  return `${values} keys, ${size(bytes)} of ${size(bytesMax)}, ${evictions} evicted${ratio}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function size(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
