// The app's file: found, imported, and looked at, so that what is wrong with it is said in one line.

import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TenfoldError } from '../base/errors.ts'
import type { SystemMap } from '../map/map.ts'
import type { App } from '../tiers/web/contract.ts'

/** @throws bad-input when there is no such file, it cannot be read as a module, or it exports no app. */
export async function loadApp(map: Pick<SystemMap, 'appDir' | 'topology'>): Promise<App> {
  const file = resolve(map.appDir, map.topology.app)
  await access(file).catch((cause) => {
    throw new TenfoldError('bad-input', `there is no app at ${file}; write it, or name it in the topology: app`, {
      cause,
    })
  })
  const module = await import(pathToFileURL(file).href).catch((cause: unknown) => {
    throw new TenfoldError('bad-input', `the app at ${file} could not be read: ${whereAndWhat(cause)}`)
  })
  const app = (module as { default?: unknown }).default
  if (typeof app !== 'object' || app === null || typeof (app as App).setup !== 'function')
    throw new TenfoldError('bad-input', `the app at ${file} needs \`export default defineApp({ setup(tiers) {...} })\``)
  return app as App
}

/** The author's part of a stack: the place in the file, the message, and none of Node's own frames. */
function whereAndWhat(cause: unknown): string {
  const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  const lines = stack.split('\n').filter((line) => !/^\s+at .*node:internal/.test(line))
  return lines.join('\n').trim()
}
