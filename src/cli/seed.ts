// `tenfold seed`: fills the running app, by the seed.ts beside it.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TenfoldError } from '../base/errors.ts'
import { type Command, wholeNumber } from './command.ts'

/** What an app's seed.ts exports as `seed`. The answer is printed as it is. */
export type Seed = (options: {
  baseUrl: string
  users: number
  seed: number
  onProgress: (line: string) => void
}) => Promise<Record<string, number>>

export const seed: Command = {
  name: 'seed',
  usage: '[--users N] [--seed S]',
  summary: "fill the app with people, pictures and likes (the app's seed.ts)",
  options: { users: { type: 'string' }, seed: { type: 'string' } },
  async run(target, _words, values) {
    const { urls } = await (await target.client()).status()
    const users = values['users'] === undefined ? 200 : wholeNumber(String(values['users']), '--users')
    const chance = values['seed'] === undefined ? 1 : wholeNumber(String(values['seed']), '--seed')
    const fill = await loadSeed(join(target.appDir, 'seed.ts'))
    const made = await fill({ baseUrl: urls.app, users, seed: chance, onProgress: (line) => target.note(line) })
    target.print(
      made,
      Object.entries(made)
        .map(([what, count]) => `${count} ${what}`)
        .join(', '),
    )
  },
}

async function loadSeed(file: string): Promise<Seed> {
  if (!existsSync(file))
    throw new TenfoldError('not-found', `the app has no ${file}; it exports \`seed\`, which fills the app`)
  const { seed } = (await import(pathToFileURL(file).href)) as { seed?: Seed }
  if (typeof seed !== 'function') throw new TenfoldError('bad-input', `${file} must export a function \`seed\``)
  return seed
}
