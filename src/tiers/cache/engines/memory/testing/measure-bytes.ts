// What a full cache costs by V8's own account, beside what it counts. Run by size.test.ts: node --expose-gc measure-bytes.ts <kind>.
//
// Values are parsed, as those from a database are: a text that was just put together keeps its parts, for as long as the
// collector likes.

import { keptOf } from '../../../testing/kept.ts'
import { openMemoryCache } from '../engine.ts'

const values: Record<string, (n: number) => unknown> = {
  text: (n) => JSON.stringify({ n, text: 'x'.repeat(200) }),
  record: (n) => ({
    id: n,
    name: `user number ${n}`,
    email: `user-${n}@example.org`,
    tags: ['a', 'b'],
    isActive: true,
  }),
  list: (n) => Array.from({ length: 50 }, (_, i) => ({ id: n * 50 + i, title: `title ${n} ${i}` })),
  buffer: (n) => Buffer.alloc(2000 + (n % 7)),
}

const makeValue = values[process.argv[2] ?? 'text']
if (!makeValue || !globalThis.gc) throw new Error('measure-bytes.ts <kind>, with --expose-gc')
const before = used()
const engine = openMemoryCache({ bytesMax: 24 * 1024 * 1024 })
for (let n = 0; n < 100_000; n++) engine.set(`${process.argv[2]}:${n}`, keptOf(parsed(makeValue(n))), 3_600_000)
const after = used()
const { bytes } = engine.insight()
process.stdout.write(JSON.stringify({ counted: bytes, used: after - before }))
await engine.close()

function parsed(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value : JSON.parse(JSON.stringify(value))
}

function used(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
