// The S3 store keeps what every store promises, on a server that is not ours (testing/s3-server.ts).

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { freePort } from '../../../programs/testing.ts'
import { testStore } from './conformance.ts'
import { readWhole } from './content.ts'
import { S3Store } from './s3.ts'
import { S3Client } from './s3-client.ts'
import { parseS3Place } from './s3-place.ts'
import { elementsOf, textOf } from './s3-xml.ts'
import { startTestS3, type TestS3 } from './testing/s3-server.ts'

let s3: TestS3
before(async () => {
  s3 = await startTestS3()
})
after(() => s3[Symbol.asyncDispose]())

const open = (more: NodeJS.ProcessEnv = {}) => new S3Store(parseS3Place(s3.to, { ...s3.env, ...more }))

testStore('s3', () => ({ open, countLeftovers: countUploads }))

test('a wrong key is refused as unauthorized, at once', async () => {
  await assert.rejects(open({ AWS_SECRET_ACCESS_KEY: 'wrong' }).put('a', Buffer.from('x')), { code: 'unauthorized' })
})

test('a store that has trouble for a moment is asked again, and its trouble is told when it stays', async (context) => {
  const { gate } = s3
  if (!gate) return context.skip('only where we have the gate')
  gate.failWith = 503
  const heal = setTimeout(() => {
    gate.failWith = undefined
  }, 100)
  await open().put('healed', Buffer.from('x'))
  clearTimeout(heal)
  gate.failWith = 500
  await assert.rejects(open().put('healed', Buffer.from('y')), { code: 'unavailable' })
  gate.failWith = undefined
})

test('a download that breaks off, again and again, goes on where it was', async (context) => {
  const { gate } = s3
  if (!gate) return context.skip('only where we have the gate')
  const content = randomBytes(3_000_000)
  await open().put('broken-off', content)
  gate.breakAfterBytes = 1_000_000
  const got = await readWhole(open(), 'broken-off')
  gate.breakAfterBytes = 200_000 // more breaks than are borne
  await assert.rejects(readWhole(open(), 'broken-off'), { code: 'unavailable' })
  gate.breakAfterBytes = undefined
  assert.ok(got.equals(content))
})

test('a bucket that is not there is not-found', async () => {
  const missing = new S3Store(parseS3Place('s3://no-such-bucket-here', s3.env))
  await assert.rejects(missing.put('a', Buffer.from('x')), { code: 'not-found' })
})

test('a server that does not answer is unavailable, after some attempts', async () => {
  const nowhere = open({ AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${await freePort()}` })
  await assert.rejects(nowhere.list(''), { code: 'unavailable' })
})

async function countUploads(): Promise<number> {
  const client = new S3Client(parseS3Place(s3.to, s3.env))
  // s3rver keeps no list of uploads that are under way, and says so.
  const text = await client.text('GET', { query: { uploads: '' } }).catch(() => '')
  return elementsOf(text, 'Upload').filter((upload) => textOf(upload, 'Key').includes('prefix')).length
}
