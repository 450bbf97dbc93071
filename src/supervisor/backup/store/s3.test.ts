// The S3 store keeps what every store promises, on a server that is not ours, behind a gate that checks each signature:
// s3rver by default, or the one that AWS_ENDPOINT_URL_S3 names with a bucket in TENFOLD_TEST_BUCKET (MinIO, Ceph, AWS).

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { freePort } from '../../../programs/postgres/testing.ts'
import { testStore } from './conformance.ts'
import { S3Store } from './s3.ts'
import { S3Client } from './s3-client.ts'
import { parseS3Place } from './s3-place.ts'
import { elementsOf, textOf } from './s3-xml.ts'
import { openSignatureGate, type SignatureGate } from './testing/signature-gate.ts'

/** The keys that s3rver knows; it has no others. */
let env: NodeJS.ProcessEnv = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' }
let to = 's3://backups/some/prefix'
let server: ChildProcess | undefined
let gate: SignatureGate | undefined
let dir: string | undefined

before(async () => {
  if (process.env['TENFOLD_TEST_BUCKET']) {
    env = process.env
    to = `s3://${process.env['TENFOLD_TEST_BUCKET']}/tenfold-test-${process.pid}`
    return
  }
  dir = await mkdtemp(join(tmpdir(), 'tenfold-s3-'))
  const port = await freePort()
  const main = join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin/s3rver.js')
  const args = [main, '--directory', dir, '--address', '127.0.0.1', '--port', String(port)]
  server = spawn(process.execPath, [...args, '--silent', '--configure-bucket', 'backups'], { stdio: 'ignore' })
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}`)).status > 0, {
    what: 's3rver answering',
    timeoutMs: 15_000,
  })
  gate = await openSignatureGate(port, 'S3RVER')
  env['AWS_ENDPOINT_URL_S3'] = gate.url
})

after(async () => {
  if (process.env['TENFOLD_TEST_BUCKET']) {
    const store = new S3Store(parseS3Place(to, env))
    for (const { name } of await store.list('')) await store.delete(name)
  }
  await gate?.[Symbol.asyncDispose]()
  if (server?.kill()) await once(server, 'exit')
  if (dir) await rm(dir, { recursive: true, force: true })
})

testStore('s3', () => ({ open: () => new S3Store(parseS3Place(to, env)), countLeftovers: countUploads }))

test('a wrong key is refused as unauthorized, at once', async () => {
  const wrong = new S3Store(parseS3Place(to, { ...env, AWS_SECRET_ACCESS_KEY: 'wrong' }))
  await assert.rejects(wrong.put('a', Buffer.from('x')), { code: 'unauthorized' })
})

test('a store that has trouble for a moment is asked again, and its trouble is told when it stays', async (context) => {
  if (!gate) return context.skip('only where we have the gate')
  const store = new S3Store(parseS3Place(to, env))
  gate.failWith = 503
  const heal = setTimeout(() => {
    if (gate) gate.failWith = undefined
  }, 100)
  await store.put('healed', Buffer.from('x'))
  clearTimeout(heal)
  gate.failWith = 500
  await assert.rejects(store.put('healed', Buffer.from('y')), { code: 'unavailable' })
  gate.failWith = undefined
})

test('a bucket that is not there is not-found', async () => {
  const missing = new S3Store(parseS3Place('s3://no-such-bucket-here', env))
  await assert.rejects(missing.put('a', Buffer.from('x')), { code: 'not-found' })
})

test('a server that does not answer is unavailable, after some attempts', async () => {
  const nowhere = new S3Store(parseS3Place(to, { ...env, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${await freePort()}` }))
  await assert.rejects(nowhere.list(''), { code: 'unavailable' })
})

async function countUploads(): Promise<number> {
  const client = new S3Client(parseS3Place(to, env))
  // s3rver keeps no list of uploads that are under way, and says so.
  const text = await client.text('GET', { query: { uploads: '' } }).catch(() => '')
  return elementsOf(text, 'Upload').filter((upload) => textOf(upload, 'Key').includes('prefix')).length
}
