// Everything that people wrote is escaped.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { html } from './html.ts'

test('every value is escaped, in text and in attributes', () => {
  const evil = `"><script>alert('1') & more</script>`
  assert.equal(
    html`<a title="${evil}">${evil}</a>`.text,
    '<a title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;) &amp; more&lt;/script&gt;">' +
      '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;) &amp; more&lt;/script&gt;</a>',
  )
})

test('pieces of HTML nest unescaped, in lists too; nothing stays nothing', () => {
  const items = ['a', '<'].map((item) => html`<li>${item}</li>`)
  assert.equal(html`<ul>${items}${null}${undefined}${false}${0}</ul>`.text, '<ul><li>a</li><li>&lt;</li>0</ul>')
})
