// A base backup is only as good as its manifest says: whatever is missing, cut or changed is found.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { verifyManifest } from './manifest.ts'

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex')

// The form that PostgreSQL writes: one file a line, the checksum of all lines before it in the last.
const lines = [
  '{ "PostgreSQL-Backup-Manifest-Version": 2,',
  '"Files": [',
  `{ "Path": "PG_VERSION", "Size": 3, "Checksum-Algorithm": "SHA256", "Checksum": "${sha256('18\n')}" },`,
  '{ "Encoded-Path": "62617365", "Size": 0 }',
  '],',
  '',
].join('\n')
const whole = `${lines}"Manifest-Checksum": "${sha256(lines)}"}\n`

const arrived = () =>
  new Map([
    ['PG_VERSION', { sizeBytes: 3, sha256: sha256('18\n') }],
    ['base', { sizeBytes: 0, sha256: sha256('') }],
    ['pg_wal/000000010000000000000002', { sizeBytes: 1, sha256: sha256('w') }],
  ])

test('what arrived as the manifest says is accepted, files that it does not list too', () => {
  verifyManifest(whole, arrived())
})

test('a file that is missing, cut or changed is named', () => {
  const refuses = (change: (files: ReturnType<typeof arrived>) => void, message: RegExp) => {
    const files = arrived()
    change(files)
    assert.throws(() => verifyManifest(whole, files), { code: 'program-failed', message })
  }
  refuses((files) => files.delete('base'), /base did not arrive/)
  refuses((files) => files.set('PG_VERSION', { sizeBytes: 2, sha256: sha256('18') }), /PG_VERSION has 2 bytes/)
  refuses((files) => files.set('PG_VERSION', { sizeBytes: 3, sha256: sha256('17\n') }), /PG_VERSION changed/)
})

test('a manifest that is absent, cut or changed is refused', () => {
  for (const text of ['', whole.slice(0, -20), whole.replace('"Size": 3', '"Size": 4')])
    assert.throws(() => verifyManifest(text, arrived()), { code: 'program-failed', message: /manifest/ })
})
