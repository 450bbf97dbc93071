// What counts as a reference of a style sheet, and what it becomes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { referencesOf, rewriteReferences } from './css-references.ts'

const sheet = `@import "base.css"; @import url('./print.css') print;
/* url(comment.png) */
@font-face { src: url(../fonts/sans.woff2?v=1#x) format("woff2") }
a { background: url( "img/a.svg#heart" ); content: "url(text.png)" }
b { background: url(data:image/png;base64,AAAA), url(https://cdn.example/x.png), url(/assets/y.png), url(../../out.png) }`

test('references are found where a browser would follow them, relative ones below the assets only', () => {
  assert.deepEqual(referencesOf('css/app.css', sheet), [
    'css/base.css',
    'css/print.css',
    'fonts/sans.woff2',
    'css/img/a.svg',
  ])
})

test('a reference keeps its quotes, its query and its fragment, and all else stays as it is', () => {
  const versioned: Record<string, string> = {
    'css/base.css': 'css/base.00000001.css',
    'fonts/sans.woff2': 'fonts/sans.00000002.woff2',
    'css/img/a.svg': 'css/img/a.00000003.svg',
  }
  const expected = sheet
    .replace('"base.css"', '"base.00000001.css"')
    .replace('../fonts/sans.woff2?v=1#x', '../fonts/sans.00000002.woff2?v=1#x')
    .replace('img/a.svg#heart', 'img/a.00000003.svg#heart')
  assert.equal(
    rewriteReferences('css/app.css', sheet, (target) => versioned[target]),
    expected,
  )
})

test('whatever the sheet holds, nothing changes when nothing is versioned, and it takes no time', () => {
  const piece = fc.constantFrom('url(', ')', '"', "'", '/*', '*/', '@import ', '\\', '\n', 'a.png', '../', ' ', '$&')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
      const css = pieces.join('')
      assert.equal(
        rewriteReferences('a.css', css, () => undefined),
        css,
      )
      rewriteReferences('a.css', css, () => 'x.png')
    }),
  )
})
