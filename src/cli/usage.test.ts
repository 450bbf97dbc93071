// The commands of the front as a shell sees them: wrong usage is 2, before any system is asked, and `--help` is 0.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'

const main = join(import.meta.dirname, 'main.ts')

test('wrong usage ends with 2 and says what is right, without a system', async () => {
  const wrong = [
    ...['purge --soft', 'purge --url a', 'edge x', 'scale front x'],
    ...['queue x', 'queue dead', 'queue dead redrive', 'queue dead drop x', 'queue cancel mail x', 'queue rewind s g'],
  ]
  await Promise.all(
    wrong.map(async (line) => {
      const { code, err, out } = await run(line)
      assert.deepEqual([code, out], [2, ''], `${line}: ${err}`)
      assert.match(err, /^error: .+\nusage: tenfold (purge|edge|scale|queue)\b/s, line)
    }),
  )
})

test('right usage without a system ends with 1 and one line', async () => {
  const { code, err } = await run('purge --all --data /nowhere/at-all')
  assert.deepEqual([code, err.split('\n').length], [1, 2], err)
  assert.match(err, /^error: no system at /)
})

test('help says what a command takes, and in which units it answers', async () => {
  for (const [line, expected] of [
    ['purge --help', /--prefix URL.*Cache-Tag.*Returns when every front/s],
    ['edge -h', /1024.*edge\.pricePerGigabyte.*10\^9 bytes/s],
    ['scale --help', /256 at most/],
  ] as const) {
    const { code, out } = await run(line)
    assert.equal(code, 0)
    assert.match(out, expected)
  }
})

async function run(line: string): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...line.split(' ')], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err]: string[][] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out?.push(String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => err?.push(String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, out: (out ?? []).join(''), err: (err ?? []).join('') }
}
