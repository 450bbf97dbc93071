// A salvage file is whole or not there, and what is wrong with one is told with its line.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openSalvageFile, SalvageWriter } from './file.ts'
import type { SalvagedLine, SalvageHeader } from './format.ts'
import { readTransactions } from './testing.ts'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tenfold-salvage-'))
})
after(() => rm(dir, { recursive: true }))

const change = { schema: 'public', table: 'notes', kind: 'insert', key: { id: '1' } } as const
const odd = { id: '1', ['__proto__']: 'x', text: 'a\u2028b\r\nc\u0085' }
const end = { committedAt: '2026-11-25T13:07:50.123456Z', lsn: '0/3354200' }
const lines: SalvagedLine[] = [
  { xid: 7, changes: [{ ...change, values: odd }], ...end },
  { xid: 8, changes: [change, change], continued: true },
  { xid: 8, changes: [change], continued: true },
  { xid: 8, changes: [change], ...end },
  { xid: 9, changes: [change], ...end },
]
const header: SalvageHeader = {
  ...{ format: 1, id: crypto.randomUUID(), shard: 's1', node: 'n', timeline: 2, divergedAt: '0/1', promotedXid: '9' },
  ...{ systemIdentifier: '1', at: end.committedAt, complete: true, problems: [], transactions: 3, changes: 6 },
  sequences: [],
}

async function write(name: string): Promise<string> {
  const path = join(dir, 'deep', name)
  const writer = await SalvageWriter.open(path)
  for (const line of lines) await writer.write(line)
  await writer.finish(header)
  return path
}

test('what was written is read back, long transactions as often as asked, and only the owner may look', async () => {
  const path = await write('whole.jsonl')
  assert.deepEqual(await readdir(join(dir, 'deep')), ['whole.jsonl'])
  assert.deepEqual([(await stat(path)).mode & 0o777, (await stat(join(dir, 'deep'))).mode & 0o777], [0o600, 0o700])
  const found = await readTransactions(path)
  assert.deepEqual(
    found.map(({ xid, changes }) => [xid, changes.length]),
    [
      [7, 1],
      [8, 4],
      [9, 1],
    ],
  )
  assert.deepEqual(Object.entries(found[0]?.changes[0]?.values ?? {}), Object.entries(odd))
  await using file = await openSalvageFile(path)
  for await (const { xid, changeCount, changes } of file.transactions)
    for (let again = 0; again < 2; again++) {
      let count = 0
      for await (const _ of changes()) count++
      assert.deepEqual([xid, count], [xid, changeCount])
    }
})

test('a writer that gives up leaves nothing behind', async () => {
  const path = join(dir, 'deep', 'given-up.jsonl')
  const writer = await SalvageWriter.open(path)
  await writer.write(lines[0] as SalvagedLine)
  await writer.abandon()
  assert.deepEqual(
    (await readdir(join(dir, 'deep'))).filter((name) => name.startsWith('given-up')),
    [],
  )
})

test('a damaged file is refused, with the line', async () => {
  const texts = (await readFile(await write('to-damage.jsonl'), 'utf8')).trimEnd().split('\n')
  const damaged: Array<[string, string[], RegExp]> = [
    ['no header', texts.slice(1), /damaged at line 1/],
    ['nothing', [], /damaged at line 1/],
    ['half a line', texts.with(2, texts[2]?.slice(0, 30) ?? ''), /damaged at line 3: it is not JSON/],
    ['another kind', texts.with(1, texts[1]?.replace('insert', 'upsert') ?? ''), /damaged at line 2/],
    ['a value that is no text', texts.with(1, texts[1]?.replace('{"id":"1"}', '{"id":1}') ?? ''), /damaged at line 2/],
    ['a part missing', texts.toSpliced(4, 1), /damaged at line 5: transaction 8 is not at its end, and 9 begins/],
    ['the end missing', texts.slice(0, -1), /damaged at line 6: the file ends after 2 of 3/],
    ['the middle of a transaction at the end', texts.slice(0, 4), /damaged at line 5/],
  ]
  for (const [what, lines, message] of damaged) {
    const path = join(dir, 'damaged.jsonl')
    await writeFile(path, lines.map((line) => `${line}\n`).join(''))
    await assert.rejects(readTransactions(path), { code: 'bad-input', message }, what)
  }
  await assert.rejects(readTransactions(join(dir, 'none.jsonl')), { code: 'not-found' })
})
