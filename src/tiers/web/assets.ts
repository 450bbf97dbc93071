// The app's directory of assets under /assets/, with validators, ranges and no way out of the directory.

import { stat } from 'node:fs/promises'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { TenfoldError } from '../../base/errors.ts'

/** A browser asks again after so long whether the file is still the same. Hashed names get to live for ever later. */
const maxAgeMs = 60_000

export async function addAssets(http: FastifyInstance, dir: string): Promise<void> {
  const found = await stat(dir).catch(() => undefined)
  if (!found?.isDirectory())
    throw new TenfoldError(
      'bad-input',
      `the app's assets are at ${dir}, which is no directory; make it or leave it out`,
    )
  await http.register(fastifyStatic, { root: dir, prefix: '/assets/', maxAge: maxAgeMs, index: false })
}
