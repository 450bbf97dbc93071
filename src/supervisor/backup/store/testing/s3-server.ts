// An S3 server for tests: s3rver, which stores, behind the gate that checks each signature; or, where TENFOLD_TEST_BUCKET and
// the variables of the AWS tools name one, a real one (MinIO, Ceph, Swift, AWS).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { waitUntil } from '../../../../base/limits.ts'
import { freePort } from '../../../../programs/testing.ts'
import { S3Store } from '../s3.ts'
import { parseS3Place } from '../s3-place.ts'
import { openSignatureGate, type SignatureGate } from './signature-gate.ts'

export interface TestS3 extends AsyncDisposable {
  /** A place of this test alone. */
  to: string
  env: NodeJS.ProcessEnv
  /** Undefined in front of a real one. */
  gate: SignatureGate | undefined
}

/** The keys that s3rver knows; it has no others. */
const key = 'S3RVER'
const startTimeoutMs = 15_000

export async function startTestS3(): Promise<TestS3> {
  const bucket = process.env['TENFOLD_TEST_BUCKET']
  return bucket === undefined ? startS3rver() : useBucket(bucket)
}

async function startS3rver(): Promise<TestS3> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-s3-'))
  const port = await freePort()
  const main = join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin/s3rver.js')
  const args = [main, '--directory', dir, '--address', '127.0.0.1', '--port', String(port)]
  const server = spawn(process.execPath, [...args, '--silent', '--configure-bucket', 'backups'], { stdio: 'ignore' })
  const stop = async () => {
    if (server.kill()) await once(server, 'exit')
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const isUp = async () => (await fetch(`http://127.0.0.1:${port}`)).status > 0
    await waitUntil(isUp, { what: 's3rver answering', timeoutMs: startTimeoutMs })
  } catch (error) {
    await stop()
    throw error
  }
  const gate = await openSignatureGate(port, key)
  return {
    to: 's3://backups/some/prefix',
    env: { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: key, AWS_ENDPOINT_URL_S3: gate.url },
    gate,
    async [Symbol.asyncDispose]() {
      await gate[Symbol.asyncDispose]()
      await stop()
    },
  }
}

function useBucket(bucket: string): TestS3 {
  const to = `s3://${bucket}/tenfold-test-${process.pid}`
  return {
    to,
    env: process.env,
    gate: undefined,
    async [Symbol.asyncDispose]() {
      const store = new S3Store(parseS3Place(to, process.env))
      for (const { name } of await store.list('')) await store.delete(name)
    },
  }
}
