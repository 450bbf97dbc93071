// What brokers and those who speak to them need is looked for before a climb begins.

import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { checkQueue } from './check-queue.ts'

test('without the client for JetStream there is no climb to it', async (t) => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier === '@nats-io/jetstream') throw new Error('it is not installed')
      return next(specifier, context)
    },
  })
  t.after(() => hooks.deregister())
  await assert.rejects(checkQueue(), { code: 'program-missing', message: /npm install .*@nats-io\/jetstream/ })
})
