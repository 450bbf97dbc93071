// House rules that a machine can check. Each rule proves on a planted file that it can fail.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

interface Rule {
  name: string
  /** What is wrong with this file, or undefined. */
  breaks(path: string, text: string): string | undefined
  planted: { path: string; text: string }
}

const linesMax = 400
const bannedFolders = ['utils', 'common', 'helpers', 'misc', 'types', 'core']

/** Put together here, so that this file does not hold what it looks for. */
const focusOrSkip = new RegExp(['\\.only\\(', `skip: ${true}\\b`].join('|'))

const rules: readonly Rule[] = [
  {
    name: `a file has at most ${linesMax} lines`,
    breaks: (_path, text) => (text.split('\n').length > linesMax + 1 ? `${text.split('\n').length} lines` : undefined),
    planted: { path: 'src/base/long.ts', text: 'x\n'.repeat(linesMax + 2) },
  },
  {
    name: 'a source file opens by saying what it is',
    breaks: (path, text) =>
      /^(#!.*\n)?(\/\/ |\/\*\*)/.test(text) ? undefined : `${path} starts with ${JSON.stringify(text.slice(0, 30))}`,
    planted: { path: 'src/base/silent.ts', text: "import { x } from './x.ts'\n" },
  },
  {
    name: 'folders are nouns of the domain',
    breaks: (path) => bannedFolders.find((folder) => path.split('/').slice(0, -1).includes(folder)),
    planted: { path: 'src/utils/x.ts', text: '// x' },
  },
  {
    name: 'file names are kebab-case',
    breaks: (path) => {
      const name = path.split('/').at(-1) ?? ''
      return /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*\.(ts|tsx|js)$/.test(name) ? undefined : name
    },
    planted: { path: 'src/base/MyFile.ts', text: '// x' },
  },
  {
    name: 'exports have names',
    breaks: (path, text) =>
      path.startsWith('src/') && !path.includes('vite.config') && /^export default /m.test(text)
        ? 'export default'
        : undefined,
    planted: { path: 'src/base/default.ts', text: '// x\nexport default 1' },
  },
  {
    name: 'a marker in a comment is NOTE, or TODO with what would end it',
    breaks: (_path, text) => /\/\/ *(FIXME|XXX|HACK)\b.*/.exec(text)?.[0],
    planted: { path: 'src/base/marker.ts', text: `// x\n// ${'FIX'}ME later` },
  },
  {
    name: 'tests do not skip or focus without a reason',
    breaks: (path, text) => (path.endsWith('.test.ts') ? focusOrSkip.exec(text)?.[0] : undefined),
    planted: { path: 'src/base/x.test.ts', text: `// x\ntest${'.only'}('a', () => {})` },
  },
  {
    name: 'nothing listens on every interface unless told to',
    breaks: (path, text) => (path.endsWith('.test.ts') ? undefined : /['"]0\.0\.0\.0['"]/.exec(text)?.[0]),
    planted: { path: 'src/net/open.ts', text: `// x\nserver.listen(80, '0.0.0${'.0'}')` },
  },
]

const files = globSync('{src,test,bench,examples,scripts}/**/*.{ts,tsx,js}', {
  exclude: ['**/node_modules/**', '**/dist/**'],
})

for (const rule of rules) {
  test(rule.name, () => {
    assert.ok(files.length > 50, 'the sources were not found')
    const broken = files.flatMap((path) => {
      const reason = rule.breaks(path, readFileSync(path, 'utf8'))
      return reason === undefined ? [] : [`${path}: ${reason}`]
    })
    assert.deepEqual(broken, [])
  })
  test(`the checker can fail: ${rule.name}`, () => {
    assert.notEqual(rule.breaks(rule.planted.path, rule.planted.text), undefined)
  })
}
