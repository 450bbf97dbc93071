// Dictionaries of structured fields; the cases are those of httpwg/structured-field-tests that a dictionary can hold.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDictionary } from './structured-dictionary.ts'

const right: Array<[text: string, members: Record<string, unknown>]> = [
  ['', {}],
  ['  ', {}],
  ['a=1', { a: 1 }],
  ['a', { a: true }],
  ['a, b;foo=9, c', { a: true, b: true, c: true }],
  ['a=1 ,  b=2', { a: 1, b: 2 }],
  ['a=1\t,\t\tb=2', { a: 1, b: 2 }],
  ['  a=1,b=2  ', { a: 1, b: 2 }],
  ['a=1, b=2, a=3', { b: 2, a: 3 }],
  ['a=?0;foo=1;bar="x"', { a: false }],
  ['a="say \\"hi\\" \\\\"', { a: 'say "hi" \\' }],
  ['a=(1 "b" c;x=1);y, z=*t/k:n', { a: undefined, z: '*t/k:n' }],
  ['a=-0, b=999999999999999, c=123456789012.123', { a: -0, b: 999999999999999, c: 123456789012.123 }],
  ['a=:aGVsbG8=:', { a: 'aGVsbG8=' }],
  ['*a_-.1*=1', { '*a_-.1*': 1 }],
  ['a=@1659578233', { a: 1659578233 }],
  ['a=%"f%c3%bc"', { a: 'f%c3%bc' }],
]
for (const [text, members] of right)
  test(`${JSON.stringify(text)} is a dictionary`, () => {
    const parsed = parseDictionary(text)
    const found = [...(parsed ?? [])].map(([key, item]) => [key, 'value' in item ? item.value : undefined])
    assert.deepEqual(parsed && Object.fromEntries(found), members)
  })

const wrong = [
  ...['a=1,', ',a=1', 'a=1,,b=2', 'a=1 b=2', '=1', 'A=1', '1=1', 'a=', 'a= 1', 'a =1', '\ta=1', 'a=1;', 'a=1;A=2'],
  ...['a="x', 'a="\\x"', 'a="é"', "a='1'", 'a=?2', 'a=?', 'a=1.', 'a=.1', 'a=--1', 'a=1.1234', 'a=1234567890123.1'],
  ...['a=1234567890123456', 'a=(1', 'a=(1,2)', 'a=(1"2")', 'a=:x', 'a=@1.5', 'a=%x', 'a=&'],
]
for (const text of wrong)
  test(`${JSON.stringify(text)} is none`, () => {
    assert.equal(parseDictionary(text), undefined)
  })
