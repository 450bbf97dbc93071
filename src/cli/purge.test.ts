// What the words of `tenfold purge` mean, and that the control API takes just that.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodies } from '../control/openapi.ts'
import { UsageError } from './command.ts'
import { purgesOf } from './purge.ts'

const urls = { app: 'http://127.0.0.1:8080', dashboard: '', control: '' }

test('a purge is by url, prefix or tag, or of everything; a path is meant on every public address', () => {
  const withTls = { ...urls, tls: 'https://127.0.0.1:8443' }
  for (const [values, expected] of [
    [{ url: '/a?b=1' }, [{ url: 'http://127.0.0.1:8080/a?b=1' }]],
    [{ url: 'https://photos.example/a' }, [{ url: 'https://photos.example/a' }]],
    [{ tag: 'photo-7', soft: true }, [{ tag: 'photo-7', soft: true }]],
    [{ all: true }, [{ everything: true }]],
  ] as const) {
    assert.deepEqual(purgesOf(values)(urls), expected)
    for (const purge of expected) assert.ok(bodies.purge.safeParse(purge).success)
  }
  assert.deepEqual(purgesOf({ prefix: '/media/' })(withTls), [
    { prefix: 'http://127.0.0.1:8080/media/' },
    { prefix: 'https://127.0.0.1:8443/media/' },
  ])
})

test('none of them, two of them, and what is no URL are refused', () => {
  for (const values of [{}, { soft: true }, { url: '/a', tag: 'b' }, { url: 'media' }, { tag: '' }])
    assert.throws(() => purgesOf(values), UsageError)
  for (const bad of [
    {},
    { url: '/a' },
    { url: 'http://a/ b' },
    { tag: '' },
    { tag: 'a b' },
    { everything: false },
    { url: 'http://a/', tag: 'b' },
  ])
    assert.ok(!bodies.purge.safeParse(bad).success, JSON.stringify(bad))
})
